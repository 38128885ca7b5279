//! Kinds of steps. The engine walks the pinned steps; what a kind means is told by its handler, which `app` registers.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalogue::model::version::StepKindCode;
use crate::kernel::fault::Fault;

/// How the engine handles the steps of one kind.
pub trait StepKind: Send + Sync {
    /// The kind.
    fn kind(&self) -> StepKindCode;

    /// Whether the step is finished by somebody outside the units, who never claims a case: the employer's confirmer.
    fn outside(&self) -> bool;
}

/// 审查: an officer of the unit reviews.
#[derive(Clone, Copy, Debug)]
pub struct Review;

impl StepKind for Review {
    fn kind(&self) -> StepKindCode {
        StepKindCode::Review
    }

    fn outside(&self) -> bool {
        false
    }
}

/// 用人单位确认: the employer that the form names confirms the employment.
#[derive(Clone, Copy, Debug)]
pub struct EmployerConfirmation;

impl StepKind for EmployerConfirmation {
    fn kind(&self) -> StepKindCode {
        StepKindCode::EmployerConfirmation
    }

    fn outside(&self) -> bool {
        true
    }
}

/// The registered kinds, a part of the portal.
#[derive(Clone, Default)]
pub struct StepKinds(HashMap<StepKindCode, Arc<dyn StepKind>>);

impl std::fmt::Debug for StepKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl StepKinds {
    /// Adds one under its kind.
    #[must_use]
    pub fn with(mut self, kind: Arc<dyn StepKind>) -> Self {
        self.0.insert(kind.kind(), kind);
        self
    }

    /// The handler of a kind; publication refuses versions with a kind that none is registered for.
    pub fn of(&self, kind: StepKindCode) -> Result<&Arc<dyn StepKind>, Fault> {
        self.0.get(&kind).ok_or_else(|| Fault::internal(anyhow::anyhow!("no handler for steps of kind {kind}")))
    }

    /// The kinds.
    pub fn kinds(&self) -> Vec<StepKindCode> {
        self.0.keys().copied().collect()
    }
}
