// Included once for each engine: `Engine` is the sqlx driver, `BEGIN` how a writing transaction begins.

struct Floor {
    reader: Pool<Engine>,
    writer: Pool<Engine>,
    keyring: Arc<Keyring>,
    env: Env,
    offers: HashMap<Uuid, Offer>,
    handling: HashMap<(Uuid, String), Handling>,
    /// Names of the steps of each version.
    steps: HashMap<(Uuid, String), Text>,
    hashing: Arc<Semaphore>,
}

/// Reads what never changes, and gives the routes.
pub async fn router(reader: Pool<Engine>, writer: Pool<Engine>, keyring: Arc<Keyring>) -> anyhow::Result<Router> {
    let offers = offers(&reader).await?;
    let handling = handling(&reader).await?;
    let steps = steps(&reader).await?;
    let floor = Arc::new(Floor { reader, writer, keyring, env: Env::system(), offers, handling, steps, hashing: Arc::new(Semaphore::new(1)) });
    Ok(Router::new()
        .route("/my-cards", post(my_cards))
        .route("/work-queue", post(work_queue))
        .route("/submit-cart", post(submit_cart))
        .route("/sign-in", post(sign_in))
        .with_state(floor))
}

async fn offers(reader: &Pool<Engine>) -> anyhow::Result<HashMap<Uuid, Offer>> {
    let mut offers: HashMap<Uuid, Offer> = HashMap::new();
    let rows = sqlx::query(
        "SELECT v.id, p.code, p.name, p.issuer, v.verification, v.source, v.grades, v.number FROM card_product p JOIN card_product_version v ON v.product_id = p.id",
    )
    .fetch_all(reader)
    .await?;
    for row in rows {
        let (Json(name), Json(grades)): (Json<Text>, Json<Vec<Grade>>) = (row.try_get(2)?, row.try_get(6)?);
        let issuer: Option<Json<Option<Text>>> = row.try_get(3)?;
        offers.insert(
            row.try_get(0)?,
            Offer {
                number: row.try_get(7)?,
                code: row.try_get(1)?,
                name,
                issuer: issuer.and_then(|i| i.0),
                verification: row.try_get(4)?,
                source: row.try_get(5)?,
                grades,
                benefits: Vec::new(),
            },
        );
    }
    let rows = sqlx::query(
        "SELECT product_version_id, id, area, grade, beneficiary, region_code, title, description, authority, yearly_quota, unit_of_count, verification, \
         area_verification, source FROM benefit ORDER BY position",
    )
    .fetch_all(reader)
    .await?;
    for row in rows {
        let (Json(title), Json(description), Json(authority)): (Json<Text>, Json<Text>, Json<Text>) = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
        let version: Uuid = row.try_get(0)?;
        offers.get_mut(&version).context("a benefit of no version")?.benefits.push(Benefit {
            id: row.try_get(1)?,
            area: row.try_get(2)?,
            grade: row.try_get(3)?,
            beneficiary: row.try_get(4)?,
            region_code: row.try_get(5)?,
            title,
            description,
            authority,
            quota: row.try_get(9)?,
            unit: row.try_get(10)?,
            verification: row.try_get(11)?,
            area_verification: row.try_get(12)?,
            source: row.try_get(13)?,
        });
    }
    Ok(offers)
}

/// How the items of stored cases are handled, by item and region.
async fn handling(reader: &Pool<Engine>) -> anyhow::Result<HashMap<(Uuid, String), Handling>> {
    let rows = sqlx::query(
        "SELECT a.item_id, a.region_code, i.code, i.name, a.version_id, a.offering_id, a.receiving_unit_id, a.employer_body_id, e.payload, a.facts_sealed, \
         d.data_sealed, d.jws_sealed FROM application a JOIN service_item i ON i.id = a.item_id JOIN application_event e ON e.application_id = a.id AND e.seq = 1 \
         JOIN case_document d ON d.application_id = a.id AND d.kind = 'RECEIPT'",
    )
    .fetch_all(reader)
    .await?;
    let mut found = HashMap::new();
    for row in rows {
        let (item, region): (Uuid, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let key = (item, region.unwrap_or_default());
        if found.contains_key(&key) {
            continue;
        }
        let Json(name): Json<Text> = row.try_get(3)?;
        let facts: Option<Vec<u8>> = row.try_get(9)?;
        let handling = Handling {
            item_code: row.try_get(2)?,
            name,
            version: row.try_get(4)?,
            offering: row.try_get(5)?,
            unit: row.try_get(6)?,
            employer: row.try_get(7)?,
            event: row.try_get(8)?,
            facts: facts.map_or(0, |blob| blob.len()),
            data: row.try_get::<Vec<u8>, _>(10)?.len(),
            jws: row.try_get::<Vec<u8>, _>(11)?.len(),
        };
        found.insert(key, handling);
    }
    Ok(found)
}

/// Who is behind the token of a request, as the portal asks it.
async fn member(floor: &Floor, headers: &HeaderMap) -> Result<Member, No> {
    let refused = || No::Status(StatusCode::UNAUTHORIZED);
    let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer ")).ok_or_else(refused)?;
    let rows = sqlx::query(
        "SELECT s.id, s.account_id, s.access_until, s.second_factor, s.last_seen_at, s.rotated_at, a.language, \
         COALESCE(p.merged_into, p.id) AS person_id, COALESCE(m.assurance, p.assurance) AS assurance, \
         g.role, g.unit_id, COALESCE(g.body_id, u.body_id) AS body_id, u.path \
         FROM session s JOIN account a ON a.id = s.account_id JOIN person p ON p.id = a.person_id LEFT JOIN person m ON m.id = p.merged_into \
         LEFT JOIN role_grant g ON g.person_id IN (p.id, p.merged_into) AND g.ended_at IS NULL AND g.starts_at <= $2 \
         AND (s.second_factor OR g.role IN ('TALENT', 'AGENT')) \
         LEFT JOIN unit u ON u.id = g.unit_id \
         WHERE s.access_hash = $1 AND s.ended_at IS NULL AND s.access_until > $2 AND a.status = 'ACTIVE' \
         AND (s.kind = 'NORMAL' OR EXISTS (SELECT 1 FROM portal_marker WHERE name = 'DEMO')) ORDER BY g.id",
    )
    .bind(token_hash(token))
    .bind(floor.env.now())
    .fetch_all(&floor.reader)
    .await?;
    let first = rows.first().ok_or_else(refused)?;
    let mut staff_paths = Vec::new();
    for row in &rows {
        let role: Option<&str> = row.try_get(9)?;
        if role.is_some_and(|role| ["WINDOW_OFFICER", "REVIEWER", "APPROVER", "SUPERVISOR"].contains(&role)) {
            staff_paths.extend(row.try_get::<Option<String>, _>(12)?);
        }
    }
    Ok(Member {
        session: first.try_get(0)?,
        account: first.try_get(1)?,
        person: first.try_get(7)?,
        language: first.try_get::<&str, _>(6)?.parse().map_err(anyhow::Error::new)?,
        staff_paths,
    })
}

/// The names of the steps of every version.
async fn steps(reader: &Pool<Engine>) -> anyhow::Result<HashMap<(Uuid, String), Text>> {
    #[derive(Deserialize)]
    struct Content {
        steps: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        key: String,
        name: Text,
    }
    let rows = sqlx::query("SELECT id, content FROM item_version").fetch_all(reader).await?;
    let mut steps = HashMap::new();
    for row in rows {
        let (version, Json(content)): (Uuid, Json<Content>) = (row.try_get(0)?, row.try_get(1)?);
        steps.extend(content.steps.into_iter().map(|step| ((version, step.key), step.name)));
    }
    Ok(steps)
}

async fn my_cards(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Result<Response, No> {
    let member = member(&floor, &headers).await?;
    let rows = sqlx::query(
        "SELECT c.id, c.product_version_id, c.grade, c.beneficiary, c.principal_card_id, c.valid_from, c.valid_to, c.status, c.issued_at, c.version, \
         n.number, n.issued_at FROM card c LEFT JOIN card_number n ON n.card_id = c.id AND n.ended_at IS NULL \
         WHERE c.holder_person_id IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1) ORDER BY c.id",
    )
    .bind(member.person)
    .fetch_all(&floor.reader)
    .await?;
    let today = floor.env.today();
    let year: i32 = today.format("%Y").to_string().parse()?;
    let mut my_cards = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, principal): (Uuid, Option<Uuid>) = (row.try_get(0)?, row.try_get(4)?);
        let used = sqlx::query("SELECT benefit_id, beneficiary_person_id, quota, used FROM benefit_balance WHERE year = $1 AND card_id = $2 ORDER BY 1, 2")
            .bind(year)
            .bind(principal.unwrap_or(id))
            .fetch_all(&floor.reader)
            .await?;
        let mut balances: HashMap<Uuid, Vec<BalanceOut>> = HashMap::new();
        for row in used {
            let (quota, used): (Option<i64>, i64) = (row.try_get(2)?, row.try_get(3)?);
            let benefit: Uuid = row.try_get(0)?;
            balances.entry(benefit).or_default().push(BalanceOut {
                benefit_id: global("benefit", benefit),
                beneficiary_id: global("person", row.try_get(1)?),
                year,
                used,
                quota,
                remaining: quota.map(|q| q - used),
                typename: "BenefitBalance",
            });
        }
        let version: Uuid = row.try_get(1)?;
        let offer = floor.offers.get(&version).context("a card of no version")?;
        let (grade, beneficiary): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let given = offer.benefits.iter().filter(|b| b.grade == grade && (beneficiary == "HOLDER" || b.beneficiary == beneficiary));
        let benefits = given
            .map(|b| HeldOut {
                benefit: BenefitOut {
                    id: global("benefit", b.id),
                    area: &b.area,
                    title: Wording::of(&b.title, member.language),
                    description: Wording::of(&b.description, member.language),
                    authority: Wording::of(&b.authority, member.language),
                    relation: &b.beneficiary,
                    region_code: b.region_code.as_deref(),
                    unit_of_count: &b.unit,
                    yearly_quota: b.quota,
                    verification: &b.verification,
                    area_verification: &b.area_verification,
                    source: &b.source,
                    typename: "CardBenefit",
                },
                balances: balances.remove(&b.id).unwrap_or_default(),
                typename: "HeldBenefit",
            })
            .collect();
        let valid_until: NaiveDate = row.try_get(6)?;
        let status: String = row.try_get(7)?;
        let lapsed = today > valid_until && (status == "ACTIVE" || status == "SUSPENDED");
        let number: Option<String> = row.try_get(10)?;
        let number_issued: Option<DateTime<Utc>> = row.try_get(11)?;
        my_cards.push(CardOut {
            id: global("card", id),
            version: row.try_get(9)?,
            status: if lapsed { "EXPIRED".to_owned() } else { status },
            grade: offer.grades.iter().find(|g| g.code == grade).map(|g| GradeOut { code: &g.code, title: Wording::of(&g.title, member.language), typename: "CardGrade" }).context("a card of no grade")?,
            relation: beneficiary,
            principal_card_id: principal.map(|id| global("card", id)),
            current_number: number.zip(number_issued).map(|(value, at)| NumberOut {
                value,
                issued_at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
                typename: "CardNumber",
            }),
            valid_from: row.try_get(5)?,
            valid_until,
            issued_at: row.try_get::<DateTime<Utc>, _>(8)?.to_rfc3339_opts(SecondsFormat::Millis, true),
            product_version: VersionOut {
                id: global("cardversion", version),
                number: offer.number,
                product: ProductOut {
                    code: &offer.code,
                    name: Wording::of(&offer.name, member.language),
                    issuer: offer.issuer.as_ref().map(|text| Wording::of(text, member.language)),
                    typename: "CardProduct",
                },
                verification: &offer.verification,
                source: &offer.source,
                typename: "CardProductVersion",
            },
            benefits,
            typename: "TalentCard",
        });
    }
    answer(&MyCards { my_cards })
}

async fn work_queue(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> Result<Response, No> {
    let member = member(&floor, &headers).await?;
    let asked: QueueIn = serde_json::from_slice(&body)?;
    let unit = parse_global("unit", &asked.unit_id)?;
    let hidden = || No::Status(StatusCode::NOT_FOUND);
    let path: Option<String> = sqlx::query_scalar("SELECT path FROM unit WHERE id = $1").bind(unit).fetch_optional(&floor.reader).await?;
    let path = path.ok_or_else(hidden)?;
    if !member.staff_paths.iter().any(|mine| path.starts_with(mine)) {
        return Err(hidden());
    }
    let rows = sqlx::query(
        "SELECT a.id, a.number, a.item_id, i.name, p.name_zh, p.name_latin, a.state, a.step_key, a.claimed_by, a.version, \
         a.received_at, a.due_at, a.promised_due_at, a.statutory_due_at, a.near_breach_at, a.provisional, a.deemed_at, a.version_id, c.name_zh, c.name_latin \
         FROM application a JOIN service_item i ON i.id = a.item_id JOIN person p ON p.id = a.applicant_person_id \
         LEFT JOIN person c ON c.id = a.claimed_by \
         WHERE a.state IN ('RECEIVED', 'SUPPLEMENT_REQUESTED', 'ACCEPTED', 'IN_REVIEW', 'DECIDED') AND a.current_unit_id = $1 \
         ORDER BY a.due_at, a.id LIMIT $2",
    )
    .bind(unit)
    .bind(asked.first + 1)
    .fetch_all(&floor.reader)
    .await?;
    let now = floor.env.now();
    let mut names: HashMap<Uuid, Words> = HashMap::new();
    let mut last = None;
    let has_next_page = rows.len() > usize::try_from(asked.first)?;
    let mut nodes = Vec::with_capacity(rows.len());
    let told = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    for row in rows.iter().take(usize::try_from(asked.first)?) {
        let (id, item): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(2)?);
        let item_name = if let Some(known) = names.get(&item) {
            known.clone()
        } else {
            let Json(name): Json<Text> = row.try_get(3)?;
            let name = words(&name, member.language);
            names.insert(item, name.clone());
            name
        };
        let due: DateTime<Utc> = row.try_get(11)?;
        let (state, deemed): (String, Option<DateTime<Utc>>) = (row.try_get(6)?, row.try_get(16)?);
        let name: Option<String> = row.try_get(4)?;
        let (step, pinned, claimer): (Option<String>, Uuid, Option<String>) = (row.try_get(7)?, row.try_get(17)?, row.try_get(18)?);
        nodes.push(QueueRow {
            application_id: global("application", id),
            version: row.try_get(9)?,
            number: row.try_get(1)?,
            applicant_name: name.map_or_else(|| row.try_get::<Option<String>, _>(5).map(Option::unwrap_or_default), Ok)?,
            item_id: global("item", item),
            item_name,
            state: if state == "RECEIVED" && deemed.is_some_and(|at| at <= now) { "ACCEPTED".to_owned() } else { state },
            step_name: step.as_ref().and_then(|key| floor.steps.get(&(pinned, key.clone()))).map(|name| words(name, member.language)),
            step_key: step,
            claimed_by_id: row.try_get::<Option<Uuid>, _>(8)?.map(|id| global("person", id)),
            claimed_by_name: claimer.map_or_else(|| row.try_get(19), |name| Ok(Some(name)))?,
            received_at: row.try_get::<DateTime<Utc>, _>(10)?.to_rfc3339_opts(SecondsFormat::Millis, true),
            due_at: due.to_rfc3339_opts(SecondsFormat::Millis, true),
            promised_due_at: told(row.try_get(12)?),
            statutory_due_at: told(row.try_get(13)?),
            near_breach_at: told(row.try_get(14)?),
            provisional: row.try_get(15)?,
            typename: "QueueEntry",
        });
        last = Some((due, id));
    }
    let end_cursor = last.map(|(due, id)| talent_portal::kernel::cursor::Cursor::write("queue", &[due.timestamp_millis().to_string(), id.to_string()]));
    answer(&QueueOut { work_queue: QueuePage { nodes, page_info: PageInfo { has_next_page, end_cursor, typename: "PageInfo" }, typename: "QueueEntryConnection" } })
}

type Transaction = sqlx::Transaction<'static, Engine>;

async fn insert_unsealed(txn: &mut Transaction, stream: &str, row: Uuid) -> Result<(), No> {
    sqlx::query("INSERT INTO unsealed (stream, row_id) VALUES ($1, $2)").bind(stream).bind(row).execute(&mut **txn).await?;
    Ok(())
}

/// A row of the trail: action, object, subject, details.
async fn insert_trail(
    floor: &Floor,
    txn: &mut Transaction,
    member: Option<&Member>,
    action: &str,
    (kind, object): (&str, Uuid),
    subject: Uuid,
    details: String,
) -> Result<(), No> {
    let id = floor.env.uuid();
    sqlx::query(
        "INSERT INTO trail (id, at, request_id, actor_kind, person_id, account_id, session_id, on_behalf_of, mandate_id, action, object_kind, object_id, \
         subject_id, result, details) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8, $9, $10, $11, 'OK', $12)",
    )
    .bind(id)
    .bind(floor.env.now())
    .bind(id.simple().to_string())
    .bind(if member.is_some() { "MEMBER" } else { "ANONYMOUS" })
    .bind(member.map(|m| m.person))
    .bind(member.map(|m| m.account))
    .bind(member.map(|m| m.session))
    .bind(action)
    .bind(kind)
    .bind(object)
    .bind(subject)
    .bind(details)
    .execute(&mut **txn)
    .await?;
    insert_unsealed(txn, "TRAIL", id).await
}

async fn submit_cart(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> Result<Response, No> {
    let conflict = || No::Status(StatusCode::CONFLICT);
    let member = member(&floor, &headers).await?;
    let asked: SubmitIn = serde_json::from_slice(&body)?;
    let order = parse_global("order", &asked.order_id)?;
    let (now, today) = (floor.env.now(), floor.env.today());
    let mut txn: Transaction = floor.writer.begin_with(BEGIN).await?;
    let hash = floor.keyring.input_hash("submitCart", &body);
    let claimed = sqlx::query(
        "INSERT INTO idempotency_key (principal, mutation, key, input_hash, result_id, created_at) VALUES ($1, 'submitCart', $2, $3, $4, $5) \
         ON CONFLICT (principal, mutation, key) DO NOTHING",
    )
    .bind(member.person)
    .bind(&asked.idempotency_key)
    .bind(hash)
    .bind(order)
    .bind(now)
    .execute(&mut *txn)
    .await?;
    if claimed.rows_affected() != 1 {
        return Err(conflict());
    }
    let row = sqlx::query(
        "SELECT COALESCE(p.merged_into, p.id), o.state, o.created_at, p.assurance FROM application_order o JOIN person p ON p.id = o.applicant_person_id \
         WHERE o.id = $1",
    )
    .bind(order)
    .fetch_optional(&mut *txn)
    .await?;
    let row = row.ok_or(No::Status(StatusCode::NOT_FOUND))?;
    if row.try_get::<Uuid, _>(0)? != member.person {
        return Err(No::Status(StatusCode::NOT_FOUND));
    }
    if row.try_get::<&str, _>(1)? != "CART" || row.try_get::<&str, _>(3)? == "L1" {
        return Err(conflict());
    }
    let created_at: DateTime<Utc> = row.try_get(2)?;
    let raised = sqlx::query(
        "UPDATE application_order SET version = $2 + 1, updated_at = $3, state = 'SUBMITTED', submitted_by = $4, submitted_at = $3 \
         WHERE id = $1 AND version = $2 AND state = 'CART'",
    )
    .bind(order)
    .bind(asked.expected_version)
    .bind(now)
    .bind(member.person)
    .execute(&mut *txn)
    .await?;
    if raised.rows_affected() != 1 {
        return Err(conflict());
    }
    let lines = sqlx::query("SELECT id, item_id, region_code FROM application WHERE order_id = $1 ORDER BY id").bind(order).fetch_all(&mut *txn).await?;
    let mut applications = Vec::with_capacity(lines.len());
    let (promised, statutory) = (now + chrono::Duration::days(40), now + chrono::Duration::days(60));
    for line in lines {
        let (id, item): (Uuid, Uuid) = (line.try_get(0)?, line.try_get(1)?);
        let region: Option<String> = line.try_get(2)?;
        let key = (item, region.unwrap_or_default());
        let Some(handling) = floor.handling.get(&key) else { return Err(conflict()) };
        let sequence: i64 = sqlx::query_scalar(
            "INSERT INTO case_counter (prefix, last) VALUES ($1, 1) ON CONFLICT (prefix) DO UPDATE SET last = case_counter.last + 1 RETURNING last",
        )
        .bind(number_prefix(&key.1, &handling.item_code, today))
        .fetch_one(&mut *txn)
        .await?;
        let number = case_number(&key.1, &handling.item_code, today, sequence);
        let changed = sqlx::query(
            "UPDATE application SET number = $2, version_id = $3, offering_id = $4, employer_body_id = $5, submitted_by = $6, receiving_unit_id = $7, \
             current_unit_id = $7, received_at = $8, open_key = $9, judged_on = $10, facts_sealed = $11, state = 'RECEIVED', step_index = 0, version = 1, \
             deemed_at = $12, promised_due_at = $13, statutory_due_at = $14, near_breach_at = $12, next_clock_at = $12, due_at = $12, provisional = $15, \
             updated_at = $8 WHERE id = $1 AND state = 'DRAFT'",
        )
        .bind(id)
        .bind(&number)
        .bind(handling.version)
        .bind(handling.offering)
        .bind(handling.employer)
        .bind(member.person)
        .bind(handling.unit)
        .bind(now)
        .bind(format!("{}:{}", member.person.simple(), item.simple()))
        .bind(today)
        .bind(vec![0u8; handling.facts])
        .bind(now + chrono::Duration::days(7))
        .bind(promised)
        .bind(statutory)
        .bind(true)
        .execute(&mut *txn)
        .await?;
        if changed.rows_affected() != 1 {
            return Err(conflict());
        }
        sqlx::query(
            "INSERT INTO application_event (id, application_id, seq, kind, schema_version, at, actor_id, actor_role, unit_id, payload) \
             VALUES ($1, $2, 1, 'SUBMITTED', 1, $3, $4, 'TALENT', $5, $6)",
        )
        .bind(floor.env.uuid())
        .bind(id)
        .bind(now)
        .bind(member.person)
        .bind(handling.unit)
        .bind(&handling.event)
        .execute(&mut *txn)
        .await?;
        sqlx::query(
            "INSERT INTO case_document (id, application_id, kind, number, data_sealed, jws_sealed, key_owner_id, issued_at, issued_by) \
             VALUES ($1, $2, 'RECEIPT', $3, $4, $5, $6, $7, $6)",
        )
        .bind(floor.env.uuid())
        .bind(id)
        .bind(format!("{number}-RECEIPT"))
        .bind(vec![0u8; handling.data])
        .bind(vec![0u8; handling.jws])
        .bind(member.person)
        .bind(now)
        .execute(&mut *txn)
        .await?;
        let told = floor.env.uuid();
        sqlx::query(
            "INSERT INTO outbox (id, kind, object_kind, object_id, data, created_at, state, attempts, next_attempt_at) \
             VALUES ($1, 'APPLICATION_CHANGED', 'APPLICATION', $2, $3, $4, 'NOTICE', 0, $4)",
        )
        .bind(told)
        .bind(id)
        .bind(serde_json::json!({ "version": 1, "unit": handling.unit, "applicant": member.person }).to_string())
        .bind(now)
        .execute(&mut *txn)
        .await?;
        insert_unsealed(&mut txn, "OUTBOX", told).await?;
        let details = serde_json::json!({ "order": global("order", order) }).to_string();
        insert_trail(&floor, &mut txn, Some(&member), "SUBMIT_APPLICATION", ("APPLICATION", id), member.person, details).await?;
        applications.push(LineOut {
            id: global("application", id),
            version: 1,
            number,
            state: "RECEIVED",
            item_name: words(&handling.name, member.language),
            promised_due_at: promised.to_rfc3339_opts(SecondsFormat::Millis, true),
            statutory_due_at: statutory.to_rfc3339_opts(SecondsFormat::Millis, true),
        });
    }
    txn.commit().await?;
    let order = OrderOut {
        id: global("order", order),
        version: asked.expected_version + 1,
        state: "SUBMITTED",
        created_at: created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        submitted_at: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        applications,
    };
    answer(&SubmitOut { submit_cart: SubmitPayload { order, user_errors: [] } })
}

async fn sign_in(State(floor): State<Arc<Floor>>, headers: HeaderMap, body: Bytes) -> Result<Response, No> {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Argon2, PasswordVerifier as _};

    let refused = || No::Status(StatusCode::UNAUTHORIZED);
    let asked: SignInIn = serde_json::from_slice(&body)?;
    let contact = asked.contact.trim().to_lowercase();
    let network = headers.get("x-forwarded-for").and_then(|v| v.to_str().ok()).unwrap_or("unknown");
    let now = floor.env.now();
    let mut txn: Transaction = floor.writer.begin_with(BEGIN).await?;
    // Burst and refill in milliseconds, as the portal has them by default.
    for (kind, value, burst, refill) in [("account", contact.as_str(), 5, 60_000), ("network", network, 60, 2_000), ("site", "", 3_000, 1_000i64)] {
        let key = floor.keyring.input_hash("limit", format!("sign-in\u{1f}{kind}\u{1f}{value}").as_bytes());
        let taken = sqlx::query(
            "INSERT INTO rate_limit (key_hash, arrival_ms) VALUES ($1, $2) ON CONFLICT (key_hash) DO UPDATE \
             SET arrival_ms = CASE WHEN rate_limit.arrival_ms > $3 THEN rate_limit.arrival_ms ELSE $3 END + $4 WHERE rate_limit.arrival_ms <= $5",
        )
        .bind(key)
        .bind(now.timestamp_millis() + refill)
        .bind(now.timestamp_millis())
        .bind(refill)
        .bind(now.timestamp_millis() + (burst - 1) * refill)
        .execute(&mut *txn)
        .await?;
        if taken.rows_affected() != 1 {
            return Err(No::Status(StatusCode::TOO_MANY_REQUESTS));
        }
    }
    txn.commit().await?;
    let row = sqlx::query(
        "SELECT a.id, a.person_id, a.status, a.language, a.password_hash, a.failures FROM contact_point c JOIN account a ON a.id = c.account_id \
         WHERE c.value_index = $1 AND c.verified_at IS NOT NULL AND c.removed_at IS NULL",
    )
    .bind(floor.keyring.blind_index("EMAIL", &contact))
    .fetch_optional(&floor.reader)
    .await?
    .ok_or_else(refused)?;
    let (account, person): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
    let stored: String = row.try_get(4)?;
    if row.try_get::<&str, _>(2)? != "ACTIVE" || row.try_get::<i32, _>(5)? >= 100 {
        return Err(refused());
    }
    let permit = floor.hashing.clone().acquire_owned().await?;
    let fits = tokio::task::spawn_blocking(move || {
        let fits = PasswordHash::new(&stored).is_ok_and(|phc| Argon2::default().verify_password(asked.password.as_bytes(), &phc).is_ok());
        drop(permit);
        fits
    });
    if !fits.await? {
        return Err(refused());
    }
    let now = floor.env.now();
    let mut txn: Transaction = floor.writer.begin_with(BEGIN).await?;
    sqlx::query("UPDATE account SET failures = 0 WHERE id = $1").bind(account).execute(&mut *txn).await?;
    let second: Option<i32> = sqlx::query_scalar("SELECT 1 FROM second_factor WHERE account_id = $1 AND confirmed_at IS NOT NULL LIMIT 1")
        .bind(account)
        .fetch_optional(&mut *txn)
        .await?;
    if second.is_some() {
        return Err(refused());
    }
    let session = floor.env.uuid();
    let (access, refresh) = (floor.env.secret(), floor.env.secret());
    let (until, ends) = (now + chrono::Duration::minutes(15), now + chrono::Duration::days(30));
    sqlx::query(
        "INSERT INTO session (id, account_id, family, kind, access_hash, access_until, refresh_hash, refresh_until, ends_at, second_factor, agent, \
         created_at, last_seen_at) VALUES ($1, $2, $1, 'NORMAL', $3, $4, $5, $6, $6, $7, 'UNKNOWN', $8, $8)",
    )
    .bind(session)
    .bind(account)
    .bind(token_hash(&access))
    .bind(until)
    .bind(token_hash(&refresh))
    .bind(ends)
    .bind(false)
    .bind(now)
    .execute(&mut *txn)
    .await?;
    let details = serde_json::json!({ "session": global("session", session) }).to_string();
    insert_trail(&floor, &mut txn, None, "SIGN_IN", ("ACCOUNT", account), person, details).await?;
    txn.commit().await?;
    let result = PairOut {
        kind: "SessionPair",
        session_id: global("session", session),
        access_token: access,
        access_expires_at: until.to_rfc3339_opts(SecondsFormat::Millis, true),
        refresh_token: refresh,
        refresh_expires_at: ends.to_rfc3339_opts(SecondsFormat::Millis, true),
    };
    answer(&SignInOut { sign_in: SignInPayload { result, user_errors: [] } })
}
