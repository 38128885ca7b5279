//! Values of arguments and variables, judged before anything runs.
//!
//! The library judges an argument only where each variable in it is given, takes any number for an `Int` and any value for an
//! input object; what does not fit is told when the argument is read, after earlier mutation fields have run. Here variables
//! that are not given are settled as the specification says, and the rest of the values is judged.

use std::collections::HashSet;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet};
use async_graphql::registry::{MetaType, MetaTypeName, Registry};
use async_graphql::{Name, Pos, Positioned, ServerError, Value as Const, Variables};
use async_graphql_value::Value;

use crate::api::reason::{Reason, of_library};

/// Settles the variables of the chosen operation that the request does not give: one with a default has it; without one, an
/// argument or a field of an input whose value it is counts as left out, and in a list it is null.
pub fn settle(document: &mut ExecutableDocument, operation: Option<&str>, variables: &mut Variables) {
    let chosen = document.operations.iter().find(|(name, _)| operation.is_none_or(|wanted| name.is_some_and(|n| n.as_str() == wanted)));
    let mut absent = HashSet::new();
    for Positioned { node: definition, .. } in chosen.into_iter().flat_map(|(_, chosen)| &chosen.node.variable_definitions) {
        let name = &definition.name.node;
        match &definition.default_value {
            _ if variables.contains_key(name) => {}
            Some(default) => drop(variables.insert(name.clone(), default.node.clone())),
            None => drop(absent.insert(name.clone())),
        }
    }
    if absent.is_empty() {
        return;
    }
    // Where several operations share fragments, another may declare the same variable.
    let only = match &mut document.operations {
        DocumentOperations::Single(only) => Some(only),
        DocumentOperations::Multiple(all) if all.len() == 1 => all.values_mut().next(),
        DocumentOperations::Multiple(_) => None,
    };
    if let Some(only) = only {
        let mut left_out = LeftOut { absent: &absent, dropped: HashSet::new(), kept: HashSet::new() };
        left_out.selection(&mut only.node.selection_set.node);
        for fragment in document.fragments.values_mut() {
            left_out.selection(&mut fragment.node.selection_set.node);
        }
        let LeftOut { dropped, kept, .. } = left_out;
        only.node.variable_definitions.retain(|definition| !dropped.contains(&definition.node.name.node) || kept.contains(&definition.node.name.node));
        absent.retain(|name| !dropped.contains(name) || kept.contains(name));
    }
    for name in absent {
        variables.insert(name, Const::Null);
    }
}

/// Leaves out what has the value of an absent variable.
struct LeftOut<'a> {
    absent: &'a HashSet<Name>,
    /// Variables of which something was left out.
    dropped: HashSet<Name>,
    /// Variables that are still used.
    kept: HashSet<Name>,
}

impl LeftOut<'_> {
    fn drops(&mut self, value: &Value) -> bool {
        match value {
            Value::Variable(name) if self.absent.contains(name) => {
                self.dropped.insert(name.clone());
                true
            }
            _ => false,
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::Variable(name) => drop(self.kept.insert(name.clone())),
            Value::List(list) => list.iter_mut().for_each(|value| self.value(value)),
            Value::Object(object) => {
                object.retain(|_, value| !self.drops(value));
                object.values_mut().for_each(|value| self.value(value));
            }
            _ => {}
        }
    }

    fn field(&mut self, field: &mut Field) {
        field.arguments.retain(|(_, value)| !self.drops(&value.node));
        field.arguments.iter_mut().for_each(|(_, value)| self.value(&mut value.node));
        for (_, value) in field.directives.iter_mut().flat_map(|directive| &mut directive.node.arguments) {
            self.value(&mut value.node);
        }
        self.selection(&mut field.selection_set.node);
    }

    fn selection(&mut self, set: &mut SelectionSet) {
        for item in &mut set.items {
            let directives = match &mut item.node {
                Selection::Field(field) => {
                    self.field(&mut field.node);
                    continue;
                }
                Selection::FragmentSpread(spread) => &mut spread.node.directives,
                Selection::InlineFragment(fragment) => {
                    self.selection(&mut fragment.node.selection_set.node);
                    &mut fragment.node.directives
                }
            };
            for (_, value) in directives.iter_mut().flat_map(|directive| &mut directive.node.arguments) {
                self.value(&mut value.node);
            }
        }
    }
}

/// Which value of a document does not fit its type in a way that the library's validation does not find, if one does not.
pub fn misfit(registry: &Registry, document: &ExecutableDocument, variables: &Variables) -> Option<ServerError> {
    let judge = Judge { registry, variables };
    let operations = document.operations.iter().find_map(|(_, operation)| {
        let root = match operation.node.ty {
            OperationType::Query => Some(&registry.query_type),
            OperationType::Mutation => registry.mutation_type.as_ref(),
            OperationType::Subscription => registry.subscription_type.as_ref(),
        };
        judge.selection(root?, &operation.node.selection_set.node)
    });
    operations.or_else(|| {
        let mut fragments = document.fragments.values();
        fragments.find_map(|fragment| judge.selection(&fragment.node.type_condition.node.on.node, &fragment.node.selection_set.node))
    })
}

struct Judge<'a> {
    registry: &'a Registry,
    variables: &'a Variables,
}

impl Judge<'_> {
    fn selection(&self, owner: &str, set: &SelectionSet) -> Option<ServerError> {
        set.items.iter().find_map(|item| match &item.node {
            Selection::Field(field) => self.field(owner, &field.node),
            Selection::FragmentSpread(_) => None,
            Selection::InlineFragment(fragment) => {
                let owner = fragment.node.type_condition.as_ref().map_or(owner, |condition| condition.node.on.node.as_str());
                self.selection(owner, &fragment.node.selection_set.node)
            }
        })
    }

    fn field(&self, owner: &str, field: &Field) -> Option<ServerError> {
        // What the schema does not have is told by the validation.
        let meta = self.registry.types.get(owner)?.field_by_name(&field.name.node)?;
        let arguments = field.arguments.iter().find_map(|(name, value)| self.argument(&meta.args.get(name.node.as_str())?.ty, name, &value.node));
        arguments.or_else(|| self.selection(MetaTypeName::concrete_typename(&meta.ty), &field.selection_set.node))
    }

    fn argument(&self, ty: &str, name: &Positioned<Name>, value: &Value) -> Option<ServerError> {
        let value = value.clone().into_const_with(|name| Ok::<_, ()>(self.variables.get(&name).cloned().unwrap_or_default())).ok()?;
        let mut path = vec![name.node.to_string()];
        let wanted = self.value(ty, &value, &mut path)?;
        Some(told(wanted, &path, name.pos))
    }

    /// The type that a value does not fit; `path` is then the path to it.
    fn value<'t>(&'t self, ty: &'t str, value: &Const, path: &mut Vec<String>) -> Option<&'t str> {
        match (MetaTypeName::create(ty), value) {
            // A null is judged by the validation.
            (_, Const::Null) => None,
            (MetaTypeName::NonNull(ty), value) => self.value(ty, value, path),
            (MetaTypeName::List(ty), Const::List(list)) => list.iter().enumerate().find_map(|(at, value)| self.inside(ty, value, at.to_string(), path)),
            (MetaTypeName::List(ty), value) => self.value(ty, value, path),
            (MetaTypeName::Named("Int"), value) => match value {
                Const::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => None,
                _ => Some("Int"),
            },
            (MetaTypeName::Named(ty), value) => match (self.registry.types.get(ty)?, value) {
                (MetaType::InputObject { input_fields, .. }, Const::Object(given)) => {
                    given.iter().find_map(|(name, value)| self.inside(&input_fields.get(name.as_str())?.ty, value, name.to_string(), path))
                }
                (MetaType::InputObject { .. }, _) => Some(ty),
                _ => None,
            },
        }
    }

    fn inside<'t>(&'t self, ty: &'t str, value: &Const, step: String, path: &mut Vec<String>) -> Option<&'t str> {
        path.push(step);
        let wanted = self.value(ty, value, path);
        if wanted.is_none() {
            path.pop();
        }
        wanted
    }
}

/// In the library's own words, from which the path and the type are taken like those of the values that it judges.
fn told(wanted: &str, path: &[String], pos: Pos) -> ServerError {
    of_library(&ServerError::new(format!("Invalid value for argument \"{}\", expected type \"{wanted}\"", path.join(".")), Some(pos)), Reason::WrongType)
}
