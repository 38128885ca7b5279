//! Coded enums of the kernel and of models as enums of the API: one list for codes, descriptions and storage.

/// Shows a `coded_enum!` as an enum of the API, with the codes as names and the doc comments as descriptions.
///
/// `api_enum!(crate::kernel::role::Role, "Role", "What a person may act as.");`
#[macro_export]
macro_rules! api_enum {
    ($type:ty, $name:literal, $description:literal) => {
        impl ::async_graphql::resolver_utils::EnumType for $type {
            fn items() -> &'static [::async_graphql::resolver_utils::EnumItem<Self>] {
                static ITEMS: ::std::sync::LazyLock<Vec<::async_graphql::resolver_utils::EnumItem<$type>>> = ::std::sync::LazyLock::new(|| {
                    <$type>::ALL.iter().map(|value| ::async_graphql::resolver_utils::EnumItem { name: value.code(), value: *value }).collect()
                });
                &ITEMS
            }
        }

        const _: () = {
            fn create(registry: &mut ::async_graphql::registry::Registry) -> String {
                registry.create_output_type::<$type, _>(::async_graphql::registry::MetaTypeId::Enum, |_| ::async_graphql::registry::MetaType::Enum {
                    name: $name.to_owned(),
                    description: Some($description.to_owned()),
                    enum_values: <$type>::ALL
                        .iter()
                        .map(|value| {
                            (
                                value.code().to_owned(),
                                ::async_graphql::registry::MetaEnumValue {
                                    name: value.code().to_owned(),
                                    description: Some(value.description().trim().to_owned()),
                                    deprecation: ::async_graphql::registry::Deprecation::NoDeprecated,
                                    visible: None,
                                    inaccessible: false,
                                    tags: Vec::new(),
                                    directive_invocations: Vec::new(),
                                },
                            )
                        })
                        .collect(),
                    visible: None,
                    inaccessible: false,
                    tags: Vec::new(),
                    rust_typename: Some(::std::any::type_name::<$type>()),
                    directive_invocations: Vec::new(),
                    requires_scopes: Vec::new(),
                })
            }

            impl ::async_graphql::InputType for $type {
                type RawValueType = Self;
                fn type_name() -> ::std::borrow::Cow<'static, str> {
                    ::std::borrow::Cow::Borrowed($name)
                }
                fn create_type_info(registry: &mut ::async_graphql::registry::Registry) -> String {
                    create(registry)
                }
                fn parse(value: Option<::async_graphql::Value>) -> ::async_graphql::InputValueResult<Self> {
                    ::async_graphql::resolver_utils::parse_enum(value.unwrap_or_default())
                }
                fn to_value(&self) -> ::async_graphql::Value {
                    ::async_graphql::resolver_utils::enum_value(*self)
                }
                fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                    Some(self)
                }
            }

            impl ::async_graphql::OutputType for $type {
                fn type_name() -> ::std::borrow::Cow<'static, str> {
                    ::std::borrow::Cow::Borrowed($name)
                }
                fn create_type_info(registry: &mut ::async_graphql::registry::Registry) -> String {
                    create(registry)
                }
                async fn resolve(
                    &self,
                    _: &::async_graphql::ContextSelectionSet<'_>,
                    _: &::async_graphql::Positioned<::async_graphql::parser::types::Field>,
                ) -> ::async_graphql::ServerResult<::async_graphql::Value> {
                    Ok(::async_graphql::resolver_utils::enum_value(*self))
                }
            }
        };
    };
}

api_enum!(crate::kernel::role::Role, "Role", "What a person may act as. Staff roles are given for a unit or body and reach everything below it.");
api_enum!(crate::kernel::role::Assurance, "AssuranceLevel", "How surely the portal knows who a person is.");
api_enum!(
    crate::kernel::rejection::Code,
    "UserErrorCode",
    "Code of a no by the rules. The code is the contract; the message is a courtesy in the reader's language."
);
api_enum!(crate::kernel::text::Origin, "TextOrigin", "Where the wording of a text comes from. Only OFFICIAL may be shown as official.");
api_enum!(crate::kernel::code::Verification, "Verification", "How far a row of data may be relied on. Show it beside the data.");
