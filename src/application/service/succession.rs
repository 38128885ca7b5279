//! A unit closes once no open case lies with it or was received by it. Registered in `app`.

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::application::store;
use crate::kernel::fault::Refused;
use crate::kernel::ids::UnitId;
use crate::kernel::rejection::{Code, Rejection};
use crate::organisation::service::units::UnitFollower;
use crate::portal::Portal;

/// Says no while there are open cases: a case is handed over by an event of its own, never in passing.
#[derive(Clone, Copy, Debug)]
pub struct NoOpenCases;

#[async_trait]
impl UnitFollower for NoOpenCases {
    async fn closing(&self, _: &Portal, txn: &DatabaseTransaction, unit: UnitId, _: UnitId) -> Result<(), Refused> {
        if store::has_open_at(txn, unit).await? { Err(Rejection::at(Code::UnitInUse, "input.unitId").into()) } else { Ok(()) }
    }
}
