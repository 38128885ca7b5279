//! Eligibility rules: a tree (all, any, none, at least n) over named leaves, each a CEL expression over declared facts.
//!
//! Three-valued after Kleene: a leaf whose fact is absent is unknown, and so is a tree that the leaf could turn.
//! Expressions are guarded before they reach the compiler, since a deep one would overflow the stack and end the
//! process, and after it, since nested loops have no limit of time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, operators};
use cel::{Context, Env, ExecutionError, IdedExpr, Program, Value};
use chrono::{DateTime, FixedOffset, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::coded_enum;
use crate::kernel::clock::{bay_area_time, start_of_day};
use crate::kernel::code::Verification;
use crate::kernel::text::Text;

use super::elements::{Element, Vocabulary};
use super::facts::{ElementType, Fact, FactOrigin, FactValue, Facts, TODAY};
use super::version::LegalBasis;

coded_enum! {
    /// The three values of a rule.
    pub enum Outcome {
        /// The condition is met.
        Pass => "PASS",
        /// The condition is not met.
        Fail => "FAIL",
        /// A fact that could decide it is not known.
        Unknown => "UNKNOWN",
    }
}

coded_enum! {
    /// Kind of a node of a rule tree.
    pub enum NodeKind {
        /// Every child must pass.
        All => "ALL",
        /// One child must pass.
        Any => "ANY",
        /// No child may pass.
        None => "NONE",
        /// A number of children must pass.
        AtLeast => "AT_LEAST",
        /// A condition.
        Leaf => "LEAF",
    }
}

/// The rules of a version: the leaves, and the tree that names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The tree over the keys of the leaves.
    pub tree: RuleNode,
    /// The conditions.
    pub leaves: Vec<Leaf>,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RuleNode {
    /// The key of a leaf.
    Leaf(String),
    /// Every child must pass.
    All {
        /// The children.
        all: Vec<RuleNode>,
    },
    /// One child must pass.
    Any {
        /// The children.
        any: Vec<RuleNode>,
    },
    /// No child may pass.
    None {
        /// The children.
        none: Vec<RuleNode>,
    },
    /// At least `at_least` of `of` must pass.
    AtLeast {
        /// How many.
        at_least: u32,
        /// The children.
        of: Vec<RuleNode>,
    },
}

/// A named condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Key, unique in the version.
    pub key: String,
    /// What is asked, in words.
    pub label: Text,
    /// CEL expression over facts that gives true or false.
    pub when: String,
    /// What would turn a fail or an unknown into a pass, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Text>,
    /// On what the condition rests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<LegalBasis>,
    /// How far it may be relied on.
    pub verification: Verification,
}

/// What is wrong with a rule, for the one who publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleProblem {
    /// The leaf or material.
    pub key: String,
    /// What is wrong.
    pub what: String,
}

/// A rule that gave neither yes nor no although its facts are there: a mistake of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// The leaf or material.
    pub key: String,
    /// What the evaluator said; kinds and types, never values.
    pub what: String,
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {}: {}", self.key, self.what)
    }
}

impl std::error::Error for RuleFault {}

impl Outcome {
    /// Kleene's negation.
    #[must_use]
    pub const fn negate(self) -> Self {
        match self {
            Self::Pass => Self::Fail,
            Self::Fail => Self::Pass,
            Self::Unknown => Self::Unknown,
        }
    }

    /// At least `needed` of the outcomes pass: known to pass, known to fail, or unknown.
    pub fn at_least(needed: usize, of: &[Self]) -> Self {
        let pass = of.iter().filter(|o| **o == Self::Pass).count();
        let unknown = of.iter().filter(|o| **o == Self::Unknown).count();
        if pass >= needed {
            Self::Pass
        } else if pass + unknown < needed {
            Self::Fail
        } else {
            Self::Unknown
        }
    }
}

/// A compiled expression.
struct Compiled {
    program: Program,
    /// Paths of the facts used.
    facts: BTreeSet<String>,
}

/// The compiled rules of a version, with the conditions of its materials. `Send` and `Sync`.
pub struct CompiledRules {
    rules: Option<Rules>,
    leaves: HashMap<String, Compiled>,
    materials: HashMap<String, Compiled>,
}

impl std::fmt::Debug for CompiledRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledRules({} leaves, {} materials)", self.leaves.len(), self.materials.len())
    }
}

/// A fact that a leaf asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactUsed {
    /// Its path.
    pub path: String,
    /// The fact, where it is known.
    pub fact: Option<Fact>,
}

/// The answer of one leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafAnswer {
    /// The condition.
    pub leaf: Leaf,
    /// The facts that it asks for.
    pub facts: Vec<FactUsed>,
}

/// A node of the answer; nodes stand in the order of the tree, parents first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAnswer {
    /// Kind.
    pub kind: NodeKind,
    /// Index of the parent; `None` for the root.
    pub parent: Option<usize>,
    /// Children that must pass, for [`NodeKind::AtLeast`].
    pub needed: Option<u32>,
    /// Its value.
    pub outcome: Outcome,
    /// The leaf, for [`NodeKind::Leaf`].
    pub leaf: Option<LeafAnswer>,
}

/// The answer of the rules of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAnswer {
    /// The whole.
    pub outcome: Outcome,
    /// The tree; empty for an item without rules, which everybody passes.
    pub nodes: Vec<NodeAnswer>,
}

impl RuleAnswer {
    /// Why the whole is a no: the conditions that made it one, with their own outcome. Under `none` that is one that
    /// passes; one that fails where another of its `any` passes is no reason. Empty where the whole is not a no.
    pub fn reasons(&self) -> Vec<(&Leaf, Outcome)> {
        // For each node the outcome that speaks against the whole, if it has it.
        let mut against: Vec<Option<Outcome>> = Vec::with_capacity(self.nodes.len());
        let mut reasons = Vec::new();
        for node in &self.nodes {
            let bad = match node.parent {
                None => Some(Outcome::Fail),
                Some(parent) => {
                    let above = against.get(parent).copied().flatten();
                    if self.nodes.get(parent).is_some_and(|p| p.kind == NodeKind::None) { above.map(Outcome::negate) } else { above }
                }
            };
            let bad = bad.filter(|bad| *bad == node.outcome);
            against.push(bad);
            if let (Some(outcome), Some(leaf)) = (bad, &node.leaf) {
                reasons.push((&leaf.leaf, outcome));
            }
        }
        reasons
    }
}

const MAX_BYTES: usize = 2000;
const MAX_OPEN: usize = 8;
const MAX_OPERATORS: usize = 50;
const MAX_NODES: usize = 200;
const MAX_DEPTH: usize = 12;
const COMPILER_STACK: usize = 16 << 20;

/// Functions and operators that rules may use.
const FUNCTIONS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "timestamp",
    "duration",
    "years_between",
    "add_months",
];

/// Refuses an expression that could overflow the compiler's or the evaluator's stack, before either sees it.
fn guard(source: &str) -> Result<(), String> {
    if source.len() > MAX_BYTES {
        return Err(format!("longer than {MAX_BYTES} bytes"));
    }
    let (mut open, mut deepest, mut dots, mut count) = (0usize, 0usize, 0usize, 0usize);
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b'.' => dots += 1,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'?' | b'!' | b'<' | b'>' | b'=' | b'&' | b'|' => {
                count += 1;
                // A two-character operator counts once.
                if matches!(bytes.get(at + 1), Some(b'=' | b'&' | b'|')) && !matches!(bytes[at], b'+' | b'-' | b'*' | b'/' | b'%' | b'?') {
                    at += 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    count += source.split_whitespace().filter(|word| *word == "in").count();
    if deepest > MAX_OPEN {
        return Err(format!("more than {MAX_OPEN} open brackets"));
    }
    if count > MAX_OPERATORS || dots > MAX_OPERATORS {
        return Err(format!("more than {MAX_OPERATORS} operators"));
    }
    Ok(())
}

/// Compiles expressions on a thread with a large stack, in the order given.
fn compile_all(sources: Vec<String>) -> Result<Vec<Result<Program, String>>, String> {
    let work = move || {
        sources
            .iter()
            .map(|source| {
                guard(source)?;
                Program::compile(source).map_err(|errors| errors.to_string())
            })
            .collect()
    };
    let thread = std::thread::Builder::new().name("rule-compiler".to_owned()).stack_size(COMPILER_STACK).spawn(work);
    thread.map_err(|e| e.to_string())?.join().map_err(|_| "the compiler gave up".to_owned())
}

/// `a.b.c` for a chain of selections on a name.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => path(&select.operand.expr).map(|p| format!("{p}.{}", select.field)),
        _ => None,
    }
}

/// Walks an expression: collects the facts used and refuses what rules may not do.
struct Walk<'a> {
    vocabulary: &'a Vocabulary,
    locals: Vec<String>,
    loops: usize,
    facts: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Walk<'_> {
    fn expression(&mut self, expression: &IdedExpr) {
        if let Some(path) = path(&expression.expr) {
            let root = path.split('.').next().unwrap_or_default();
            if self.locals.iter().any(|local| local == root) {
                return;
            }
            if self.vocabulary.fact(&path).is_none() {
                self.wrong.push(format!("{path} is not a declared fact"));
            }
            self.facts.insert(path);
            return;
        }
        match &expression.expr {
            Expr::Call(call) => {
                if !FUNCTIONS.contains(&call.func_name.as_str()) {
                    self.wrong.push(format!("{} may not be used in a rule", call.func_name));
                }
                call.target.iter().for_each(|target| self.expression(target));
                call.args.iter().for_each(|arg| self.expression(arg));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.expression(element)),
            Expr::Select(select) if select.test => self.wrong.push("has() turns unknown into false".to_owned()),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::Comprehension(loop_) => {
                if self.loops > 0 {
                    self.wrong.push("a loop inside a loop has no limit of time".to_owned());
                    return;
                }
                self.expression(&loop_.iter_range);
                self.loops += 1;
                let before = self.locals.len();
                self.locals.extend([loop_.iter_var.clone(), loop_.accu_var.clone()]);
                self.locals.extend(loop_.iter_var2.clone());
                for inner in [&loop_.accu_init, &loop_.loop_step, &loop_.loop_cond, &loop_.result] {
                    self.expression(inner);
                }
                self.locals.truncate(before);
                self.loops -= 1;
            }
            Expr::Map(_) | Expr::Struct(_) => self.wrong.push("maps and structures may not be built in a rule".to_owned()),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }
}

fn years_between(from: DateTime<FixedOffset>, to: DateTime<FixedOffset>) -> i64 {
    let (from, to) = (from.with_timezone(&bay_area_time()).date_naive(), to.with_timezone(&bay_area_time()).date_naive());
    to.years_since(from).map_or(-1, i64::from)
}

fn add_months(date: DateTime<FixedOffset>, months: i64) -> Result<DateTime<FixedOffset>, ExecutionError> {
    let amount = u32::try_from(months.unsigned_abs()).ok().map(Months::new);
    let moved = amount.and_then(|m| if months < 0 { date.checked_sub_months(m) } else { date.checked_add_months(m) });
    moved.ok_or_else(|| ExecutionError::function_error("add_months", "out of range"))
}

/// The date as the evaluator sees it: its first instant at UTC+8.
fn timestamp(date: NaiveDate) -> Value {
    Value::Timestamp(start_of_day(date).with_timezone(&bay_area_time()))
}

fn text_value(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn cel_value(value: &FactValue) -> Value {
    match value {
        FactValue::Null => Value::Null,
        FactValue::Boolean(b) => Value::Bool(*b),
        FactValue::Integer(n) => Value::Int(*n),
        FactValue::Text(s) => text_value(s),
        FactValue::Date(d) => timestamp(*d),
        FactValue::TextList(list) => Value::List(Arc::new(list.iter().map(|s| text_value(s)).collect())),
    }
}

enum Branch {
    Value(Value),
    Map(BTreeMap<String, Branch>),
}

impl Branch {
    fn put(map: &mut BTreeMap<String, Self>, path: &str, value: Value) {
        match path.split_once('.') {
            None => {
                map.insert(path.to_owned(), Self::Value(value));
            }
            Some((first, rest)) => {
                let inner = map.entry(first.to_owned()).or_insert_with(|| Self::Map(BTreeMap::new()));
                if let Self::Map(inner) = inner {
                    Self::put(inner, rest, value);
                }
            }
        }
    }

    fn cel(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Map(map) => {
                let map: HashMap<cel::objects::Key, Value> = map.into_iter().map(|(key, branch)| (key.into(), branch.cel())).collect();
                Value::Map(map.into())
            }
        }
    }
}

/// The evaluator's context for these facts; made once per question, not per rule.
/// The functions that expressions may call. Putting them together costs as much as some rules, so that it is done once.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

fn context(facts: &Facts) -> Context<'static, 'static> {
    let mut context = Context::with_env(STANDARD.clone());
    // Both names are new to a fresh context, so that neither call can fail.
    let _ = context.add_function("years_between", years_between);
    let _ = context.add_function("add_months", add_months);
    let mut roots = BTreeMap::new();
    for (path, fact) in facts.iter() {
        Branch::put(&mut roots, path, cel_value(&fact.value));
    }
    for (root, branch) in roots {
        context.add_variable_from_value(root, branch.cel());
    }
    context
}

fn run(key: &str, compiled: &Compiled, context: &Context<'_, '_>) -> Result<Outcome, RuleFault> {
    match compiled.program.execute(context) {
        Ok(Value::Bool(true)) => Ok(Outcome::Pass),
        Ok(Value::Bool(false)) => Ok(Outcome::Fail),
        // Every path and function was checked when compiling: what is missing is a declared fact.
        Err(ExecutionError::NoSuchKey(_) | ExecutionError::UndeclaredReference(_)) => Ok(Outcome::Unknown),
        Ok(other) => Err(RuleFault { key: key.to_owned(), what: format!("gave {:?} instead of yes or no", other.type_of()) }),
        Err(error) => Err(RuleFault { key: key.to_owned(), what: kind_of(&error) }),
    }
}

/// The kind of an error without the values inside it, which may be personal.
fn kind_of(error: &ExecutionError) -> String {
    let text = format!("{error:?}");
    text.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

impl CompiledRules {
    /// Compiles the rules of a version and the conditions of its materials (key, expression).
    ///
    /// Errors: everything that is wrong with them: syntax, undeclared facts, forbidden functions, unknown leaf keys.
    pub fn compile(rules: Option<&Rules>, materials: &[(String, String)], vocabulary: &Vocabulary) -> Result<Self, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let sources: Vec<(String, String)> =
            rules.iter().flat_map(|r| &r.leaves).map(|l| (l.key.clone(), l.when.clone())).chain(materials.iter().cloned()).collect();
        let leaf_count = sources.len() - materials.len();
        let programs = if sources.is_empty() {
            Vec::new()
        } else {
            compile_all(sources.iter().map(|(_, s)| s.clone()).collect()).map_err(|what| vec![RuleProblem { key: String::new(), what }])?
        };
        let mut compiled = Self { rules: rules.cloned(), leaves: HashMap::new(), materials: HashMap::new() };
        for (index, ((key, _), program)) in sources.into_iter().zip(programs).enumerate() {
            let program = match program {
                Ok(program) => program,
                Err(what) => {
                    problems.push(RuleProblem { key, what });
                    continue;
                }
            };
            let mut walk = Walk { vocabulary, locals: Vec::new(), loops: 0, facts: BTreeSet::new(), wrong: Vec::new() };
            walk.expression(program.expression());
            problems.extend(walk.wrong.into_iter().map(|what| RuleProblem { key: key.clone(), what }));
            let target = if index < leaf_count { &mut compiled.leaves } else { &mut compiled.materials };
            if target.insert(key.clone(), Compiled { program, facts: walk.facts }).is_some() {
                problems.push(RuleProblem { key, what: "the key stands twice".to_owned() });
            }
        }
        if let Some(rules) = rules {
            let mut used = BTreeSet::new();
            let mut nodes = 0;
            check_tree(&rules.tree, 1, &mut nodes, &mut used, &mut problems);
            for leaf in &rules.leaves {
                if !used.remove(&leaf.key) {
                    problems.push(RuleProblem { key: leaf.key.clone(), what: "the tree does not name this leaf".to_owned() });
                }
            }
            problems.extend(used.into_iter().map(|key| RuleProblem { key, what: "the tree names a leaf that is not there".to_owned() }));
        }
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }

    /// Judges the facts.
    ///
    /// Errors: [`RuleFault`], a mistake of the catalogue that [`Self::sample`] should have found.
    pub fn evaluate(&self, facts: &Facts) -> Result<RuleAnswer, RuleFault> {
        let Some(rules) = &self.rules else { return Ok(RuleAnswer { outcome: Outcome::Pass, nodes: Vec::new() }) };
        let context = context(facts);
        let mut nodes = Vec::new();
        let outcome = self.node(rules, &rules.tree, None, facts, &context, &mut nodes)?;
        Ok(RuleAnswer { outcome, nodes })
    }

    /// Whether a material is asked for under these facts; a material without condition always is.
    pub fn material(&self, key: &str, facts: &Facts) -> Result<Outcome, RuleFault> {
        self.materials.get(key).map_or(Ok(Outcome::Pass), |compiled| run(key, compiled, &context(facts)))
    }

    /// Paths of all facts that the rules and materials ask for.
    pub fn facts(&self) -> BTreeSet<&str> {
        self.leaves.values().chain(self.materials.values()).flat_map(|c| &c.facts).map(String::as_str).collect()
    }

    fn node(
        &self,
        rules: &Rules,
        node: &RuleNode,
        parent: Option<usize>,
        facts: &Facts,
        context: &Context<'_, '_>,
        nodes: &mut Vec<NodeAnswer>,
    ) -> Result<Outcome, RuleFault> {
        let at = nodes.len();
        let (kind, needed, children) = match node {
            RuleNode::Leaf(key) => {
                let (leaf, compiled) = rules
                    .leaves
                    .iter()
                    .find(|l| l.key == *key)
                    .zip(self.leaves.get(key))
                    .ok_or_else(|| RuleFault { key: key.clone(), what: "no such leaf".to_owned() })?;
                let outcome = run(key, compiled, context)?;
                let used = compiled.facts.iter().map(|p| FactUsed { path: p.clone(), fact: facts.get(p).cloned() }).collect();
                let leaf = Some(LeafAnswer { leaf: leaf.clone(), facts: used });
                nodes.push(NodeAnswer { kind: NodeKind::Leaf, parent, needed: None, outcome, leaf });
                return Ok(outcome);
            }
            RuleNode::All { all } => (NodeKind::All, None, all),
            RuleNode::Any { any } => (NodeKind::Any, None, any),
            RuleNode::None { none } => (NodeKind::None, None, none),
            RuleNode::AtLeast { at_least, of } => (NodeKind::AtLeast, Some(*at_least), of),
        };
        nodes.push(NodeAnswer { kind, parent, needed, outcome: Outcome::Unknown, leaf: None });
        let mut values = Vec::with_capacity(children.len());
        for child in children {
            values.push(self.node(rules, child, Some(at), facts, context, nodes)?);
        }
        let outcome = match kind {
            NodeKind::Any => Outcome::at_least(1, &values),
            NodeKind::None => Outcome::at_least(1, &values).negate(),
            NodeKind::AtLeast => Outcome::at_least(needed.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX), &values),
            NodeKind::All | NodeKind::Leaf => Outcome::at_least(values.len(), &values),
        };
        nodes[at].outcome = outcome;
        Ok(outcome)
    }

    /// Runs every expression on sample facts of the declared types and tells which do not give yes, no or unknown.
    ///
    /// Samples are combined (at most 2,048 per expression), with and without each fact and with null where it may be null.
    pub fn sample(&self, vocabulary: &Vocabulary) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        let mut all: Vec<(&String, &Compiled)> = self.leaves.iter().chain(&self.materials).collect();
        all.sort_by_key(|(key, _)| *key);
        for (key, compiled) in all {
            let axes: Vec<(&str, Vec<Option<FactValue>>)> =
                compiled.facts.iter().filter_map(|p| vocabulary.fact(p).map(|e| (p.as_str(), samples(e)))).collect();
            let total = axes.iter().fold(1usize, |n, (_, values)| n.saturating_mul(values.len()));
            // A step that is prime to the sizes of the axes visits combinations of all of them.
            let step = if total <= 2048 { 1 } else { (total / 2048) | 1 };
            for number in (0..total).step_by(step) {
                let mut facts = Facts::new();
                let mut rest = number;
                for (path, values) in &axes {
                    if let Some(value) = &values[rest % values.len()] {
                        // The samples are made from the element itself and fit it.
                        let _ = facts.insert(vocabulary, path, value.clone(), FactOrigin::WhatIf);
                    }
                    rest /= values.len();
                }
                if let Err(fault) = run(key, compiled, &context(&facts)) {
                    problems.push(RuleProblem { key: key.clone(), what: fault.what });
                    break;
                }
            }
        }
        problems
    }
}

fn check_tree(node: &RuleNode, depth: usize, nodes: &mut usize, used: &mut BTreeSet<String>, problems: &mut Vec<RuleProblem>) {
    let mut wrong = |what: &str| problems.push(RuleProblem { key: String::new(), what: what.to_owned() });
    *nodes += 1;
    if depth > MAX_DEPTH || *nodes > MAX_NODES {
        wrong("the tree is too large");
        return;
    }
    let children = match node {
        RuleNode::Leaf(key) => {
            used.insert(key.clone());
            return;
        }
        RuleNode::All { all } => all,
        RuleNode::Any { any } => any,
        RuleNode::None { none } => none,
        RuleNode::AtLeast { at_least, of } => {
            if *at_least == 0 || usize::try_from(*at_least).unwrap_or(usize::MAX) > of.len() {
                wrong("at_least must lie between one and the number of children");
            }
            of
        }
    };
    if children.is_empty() {
        wrong("a node of the tree has no children");
    }
    for child in children {
        check_tree(child, depth + 1, nodes, used, problems);
    }
}

/// Values to try: absent, null where allowed, and two or three of the type.
fn samples(element: &Element) -> Vec<Option<FactValue>> {
    let day = |y| NaiveDate::from_ymd_opt(y, 2, 28).map(FactValue::Date);
    let mut values: Vec<Option<FactValue>> = match element.kind {
        ElementType::Boolean => vec![Some(FactValue::Boolean(true)), Some(FactValue::Boolean(false))],
        ElementType::Integer => vec![Some(FactValue::Integer(0)), Some(FactValue::Integer(6)), Some(FactValue::Integer(1000))],
        ElementType::Date => vec![day(1885), day(2035)],
        ElementType::Text => vec![Some(FactValue::Text(String::new())), Some(FactValue::Text("X".to_owned()))],
        ElementType::Code if element.codes.is_empty() => vec![Some(FactValue::Text("X".to_owned()))],
        ElementType::Code => element.codes.iter().take(8).map(|c| Some(FactValue::Text(c.clone()))).collect(),
        ElementType::TextList => {
            let one = element.codes.first().cloned().unwrap_or_else(|| "X".to_owned());
            vec![Some(FactValue::TextList(Vec::new())), Some(FactValue::TextList(vec![one]))]
        }
    };
    if element.path != TODAY {
        values.push(None);
    }
    if element.nullable {
        values.push(Some(FactValue::Null));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::model::bundle::vocabulary;
    use crate::kernel::text::Origin;
    use proptest::prelude::*;

    fn leaf(key: &str, when: &str) -> Leaf {
        Leaf {
            key: key.to_owned(),
            label: Text::simplified(key, Origin::Human),
            when: when.to_owned(),
            turns: None,
            basis: Vec::new(),
            verification: Verification::StandIn,
        }
    }

    fn rules(tree: RuleNode, leaves: Vec<Leaf>) -> Result<CompiledRules, Vec<RuleProblem>> {
        CompiledRules::compile(Some(&Rules { tree, leaves }), &[], vocabulary().unwrap())
    }

    fn one(when: &str) -> Result<CompiledRules, Vec<RuleProblem>> {
        rules(RuleNode::Leaf("x".to_owned()), vec![leaf("x", when)])
    }

    fn facts(pairs: &[(&str, serde_json::Value)]) -> Facts {
        let mut facts = Facts::new();
        facts.set_today(NaiveDate::from_ymd_opt(2026, 1, 15).unwrap());
        for (path, value) in pairs {
            facts.insert_json(vocabulary().unwrap(), path, value, FactOrigin::Profile).unwrap();
        }
        facts
    }

    fn outcome(when: &str, pairs: &[(&str, serde_json::Value)]) -> Outcome {
        one(when).unwrap().evaluate(&facts(pairs)).unwrap().outcome
    }

    #[test]
    fn a_no_names_the_conditions_that_made_it() {
        let key = |key: &str| RuleNode::Leaf(key.to_owned());
        let tree = RuleNode::All {
            all: vec![
                key("lawful"),
                RuleNode::Any { any: vec![key("insurance"), key("tax")] },
                RuleNode::None { none: vec![key("servant"), RuleNode::All { all: vec![key("cut"), key("short")] }] },
            ],
        };
        let leaves = vec![
            leaf("lawful", "conduct.lawful"),
            leaf("insurance", "contribution.insurance_months >= 6"),
            leaf("tax", "contribution.tax_months >= 6"),
            leaf("servant", "employment.civil_servant"),
            leaf("cut", "contribution.months_per_year < 6"),
            leaf("short", "contribution.months_per_year < 3"),
        ];
        let rules = rules(tree, leaves).unwrap();
        let why = |lawful: bool, insurance: i64, servant: bool, months: i64| {
            let known = facts(&[
                ("conduct.lawful", lawful.into()),
                ("contribution.insurance_months", insurance.into()),
                ("contribution.tax_months", 0.into()),
                ("employment.civil_servant", servant.into()),
                ("contribution.months_per_year", months.into()),
            ]);
            let answer = rules.evaluate(&known).unwrap();
            let reasons: Vec<(String, Outcome)> = answer.reasons().into_iter().map(|(leaf, outcome)| (leaf.key.clone(), outcome)).collect();
            assert_eq!(answer.outcome == Outcome::Fail, !reasons.is_empty());
            reasons
        };
        let told = |key: &str, outcome| (key.to_owned(), outcome);
        assert_eq!(why(true, 6, false, 12), []);
        // An exclusion that applies is the reason, although its condition passes and nothing fails that must pass.
        assert_eq!(why(true, 6, true, 12), [told("servant", Outcome::Pass)]);
        assert_eq!(why(true, 6, false, 4), []);
        assert_eq!(why(true, 6, false, 2), [told("cut", Outcome::Pass), told("short", Outcome::Pass)]);
        assert_eq!(why(false, 0, false, 12), [told("lawful", Outcome::Fail), told("insurance", Outcome::Fail), told("tax", Outcome::Fail)]);
    }

    #[test]
    fn an_absent_fact_is_unknown_unless_the_rest_decides() {
        let months = [("contribution.insurance_months", 6.into())];
        assert_eq!(outcome("contribution.insurance_months >= 6", &months), Outcome::Pass);
        assert_eq!(outcome("contribution.insurance_months > 6", &months), Outcome::Fail);
        assert_eq!(outcome("contribution.tax_months >= 6", &months), Outcome::Unknown);
        assert_eq!(outcome("contribution.tax_months >= 6", &[]), Outcome::Unknown);
        assert_eq!(outcome("contribution.tax_months >= 6 || contribution.insurance_months >= 6", &months), Outcome::Pass);
        assert_eq!(outcome("contribution.tax_months >= 6 && contribution.insurance_months > 6", &months), Outcome::Fail);
        assert_eq!(outcome("contribution.insurance_months + 1 == 7", &months), Outcome::Pass);
    }

    #[test]
    fn dates_ages_and_months_are_counted_by_the_civil_calendar() {
        for (when, until, expected) in [
            ("employment.contract_until != null && employment.contract_until >= today", serde_json::json!("2026-01-15"), Outcome::Pass),
            ("employment.contract_until != null && employment.contract_until >= today", serde_json::json!("2026-01-14"), Outcome::Fail),
            ("employment.contract_until != null && employment.contract_until >= today", serde_json::Value::Null, Outcome::Fail),
            ("employment.contract_until >= add_months(today, 3)", serde_json::json!("2026-04-15"), Outcome::Pass),
            ("employment.contract_until >= add_months(today, 3)", serde_json::json!("2026-04-14"), Outcome::Fail),
            ("years_between(employment.contract_until, today) == 16", serde_json::json!("2010-01-15"), Outcome::Pass),
            ("years_between(employment.contract_until, today) == 15", serde_json::json!("2010-01-16"), Outcome::Pass),
            ("employment.contract_until == timestamp('2026-11-24T00:00:00+08:00')", serde_json::json!("2026-11-24"), Outcome::Pass),
        ] {
            assert_eq!(outcome(when, &[("employment.contract_until", until.clone())]), expected, "{when} {until}");
        }
    }

    #[test]
    fn what_a_rule_may_not_do_is_refused_before_it_runs() {
        for (when, expected) in [
            ("conduct.lawful &&", "Syntax error"),
            ("conduct.unheard == true", "not a declared fact"),
            ("conduct", "not a declared fact"),
            ("has(conduct.lawful)", "has()"),
            ("conduct['lawful']", "_[_] may not be used"),
            ("matches(talent.category, '(a+)+')", "matches may not be used"),
            ("unheard(talent.category)", "unheard may not be used"),
            ("[1].all(a, [2].all(b, a < b))", "a loop inside a loop"),
            ("{'a': true}['a']", "may not be"),
            ("((((((((( true )))))))))", "open brackets"),
        ] {
            let problems = one(when).unwrap_err();
            assert!(problems.iter().any(|p| p.what.contains(expected)), "{when}: {problems:?}");
        }
        let chain = vec!["1"; 52].join("+");
        assert!(one(&format!("{chain} == 52")).unwrap_err()[0].what.contains("operators"));
        assert!(one(&format!("{}true", "!".repeat(51))).unwrap_err()[0].what.contains("operators"));
        assert!(one(&format!("'{}' == 'a'", "a".repeat(2000))).unwrap_err()[0].what.contains("bytes"));
        assert!(one(&format!("conduct{}", ".a".repeat(60))).unwrap_err()[0].what.contains("operators"));
    }

    #[test]
    fn the_deepest_rule_that_the_guard_lets_through_runs_on_an_ordinary_stack() {
        let open = format!("{}conduct.lawful{}", "(".repeat(8), ")".repeat(8));
        assert_eq!(outcome(&open, &[("conduct.lawful", true.into())]), Outcome::Pass);
        let chain = format!("{} == 49", vec!["1"; 49].join("+"));
        assert_eq!(outcome(&chain, &[]), Outcome::Pass);
        assert_eq!(outcome("['AWARD', 'PLAN'].exists(c, c == talent.evidence)", &[("talent.evidence", "PLAN".into())]), Outcome::Pass);
        assert_eq!(outcome("['AWARD'].exists(c, c == talent.evidence)", &[]), Outcome::Unknown);
    }

    #[test]
    fn samples_find_rules_that_give_no_yes_or_no() {
        for when in ["contribution.insurance_months + 1", "employment.contract_until > today", "talent.category > 3", "conduct.lawful ? 1 : 2"] {
            assert_eq!(one(when).unwrap().sample(vocabulary().unwrap()).len(), 1, "{when}");
        }
        assert_eq!(one("contribution.insurance_months > 1").unwrap().sample(vocabulary().unwrap()), []);
    }

    #[test]
    fn the_answer_names_each_leaf_with_its_facts_and_their_sources() {
        let tree = RuleNode::All { all: vec![RuleNode::Leaf("a".to_owned()), RuleNode::None { none: vec![RuleNode::Leaf("b".to_owned())] }] };
        let compiled = rules(tree, vec![leaf("a", "conduct.lawful"), leaf("b", "employment.civil_servant")]).unwrap();
        let answer = compiled.evaluate(&facts(&[("conduct.lawful", true.into())])).unwrap();
        assert_eq!(answer.outcome, Outcome::Unknown);
        let shape: Vec<_> = answer.nodes.iter().map(|n| (n.kind, n.parent, n.outcome)).collect();
        assert_eq!(
            shape,
            [
                (NodeKind::All, None, Outcome::Unknown),
                (NodeKind::Leaf, Some(0), Outcome::Pass),
                (NodeKind::None, Some(0), Outcome::Unknown),
                (NodeKind::Leaf, Some(2), Outcome::Unknown),
            ]
        );
        let used = &answer.nodes[1].leaf.as_ref().unwrap().facts;
        assert_eq!(used[0].path, "conduct.lawful");
        assert_eq!(used[0].fact, Some(Fact { value: FactValue::Boolean(true), origin: FactOrigin::Profile }));
        assert_eq!(answer.nodes[3].leaf.as_ref().unwrap().facts[0].fact, None);
    }

    #[test]
    fn a_tree_and_its_leaves_must_fit() {
        let lone = rules(RuleNode::Leaf("a".to_owned()), vec![leaf("b", "conduct.lawful")]).unwrap_err();
        assert_eq!(lone.len(), 2);
        let n = RuleNode::AtLeast { at_least: 2, of: vec![RuleNode::Leaf("a".to_owned())] };
        assert_eq!(rules(n, vec![leaf("a", "conduct.lawful")]).unwrap_err().len(), 1);
    }

    fn is_sync<T: Send + Sync>() {}

    #[test]
    fn compiled_rules_are_shared_between_threads() {
        is_sync::<CompiledRules>();
    }

    proptest! {
        #[test]
        fn what_is_decided_stays_decided_when_more_becomes_known(needed in 1usize..4, known in proptest::collection::vec(proptest::option::of(any::<bool>()), 4), rest in proptest::collection::vec(any::<bool>(), 4)) {
            let value = |v: Option<bool>| v.map_or(Outcome::Unknown, |b| if b { Outcome::Pass } else { Outcome::Fail });
            let before = Outcome::at_least(needed, &known.iter().map(|v| value(*v)).collect::<Vec<_>>());
            let after = Outcome::at_least(needed, &known.iter().zip(&rest).map(|(k, r)| value(Some(k.unwrap_or(*r)))).collect::<Vec<_>>());
            prop_assert!(after != Outcome::Unknown);
            prop_assert!(before == Outcome::Unknown || before == after);
        }

        #[test]
        fn no_text_makes_the_compiler_panic(text in ".{0,200}") {
            let _ = one(&text);
        }
    }
}
