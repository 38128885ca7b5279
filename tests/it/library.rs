//! What we rely on in the GraphQL library. Its versions 7.1.0 to 7.2.1 answer keys in the order in which they are
//! ready and leave a failed non-null key out; an upgrade that does so fails here.

use async_graphql::{EmptyMutation, EmptySubscription, Error, Object, Schema, SimpleObject};

struct Query;
struct Parent;

#[derive(SimpleObject)]
struct Leaf {
    value: i32,
}

#[Object]
impl Query {
    async fn parent(&self) -> Option<Parent> {
        Some(Parent)
    }
    async fn parents(&self) -> Vec<Parent> {
        vec![Parent, Parent]
    }
    async fn strict(&self) -> Parent {
        Parent
    }
}

#[Object]
impl Parent {
    async fn slow(&self) -> i32 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        1
    }
    async fn quick(&self) -> i32 {
        2
    }
    async fn leaf(&self) -> Leaf {
        Leaf { value: 3 }
    }
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn fails(&self) -> Result<i32, Error> {
        Err(Error::new("no"))
    }
    /// The right form of a nullable field that can fail.
    async fn nullable(&self) -> Option<Result<i32, Error>> {
        Some(Err(Error::new("no")))
    }
    /// The wrong form, never used in the portal.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn wrong(&self) -> Result<Option<i32>, Error> {
        Err(Error::new("no"))
    }
}

async fn answer(document: &str) -> String {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    serde_json::to_string(&schema.execute(document).await).expect("JSON")
}

#[tokio::test]
async fn keys_come_in_the_order_in_which_they_were_asked() {
    let expected = r#"{"data":{"parent":{"slow":1,"quick":2,"again":1,"leaf":{"value":3}}}}"#;
    assert_eq!(answer("{ parent { slow quick again: slow leaf { value } } }").await, expected);
}

#[tokio::test]
async fn a_failed_non_null_field_makes_its_nearest_nullable_parent_null() {
    let expected = r#"{"data":{"parent":null},"errors":[{"message":"no","locations":[{"line":1,"column":18}],"path":["parent","fails"]}]}"#;
    assert_eq!(answer("{ parent { quick fails } }").await, expected);
}

#[tokio::test]
async fn a_failed_non_null_field_under_non_null_parents_makes_the_data_null() {
    for document in ["{ strict { fails } }", "{ parents { fails } }"] {
        let answer: serde_json::Value = serde_json::from_str(&answer(document).await).expect("JSON");
        assert_eq!(answer["data"], serde_json::Value::Null, "{document}");
        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{document}");
    }
}

#[tokio::test]
async fn a_nullable_field_that_fails_is_null_itself_with_its_whole_path() {
    let answer: serde_json::Value = serde_json::from_str(&answer("{ parents { quick nullable } }").await).expect("JSON");
    assert_eq!(answer["data"], serde_json::json!({ "parents": [{ "quick": 2, "nullable": null }, { "quick": 2, "nullable": null }] }));
    let paths: Vec<_> = answer["errors"].as_array().expect("errors").iter().map(|error| error["path"].clone()).collect();
    assert_eq!(paths, [serde_json::json!(["parents", 0, "nullable"]), serde_json::json!(["parents", 1, "nullable"])]);
}

/// The reason for the rule "`Option<Result>`, never `Result<Option>`"; when this fails, the rule may go.
#[tokio::test]
async fn a_result_of_an_option_takes_its_parent_along() {
    let answer: serde_json::Value = serde_json::from_str(&answer("{ parent { quick wrong } }").await).expect("JSON");
    assert_eq!(answer["data"], serde_json::json!({ "parent": null }));
}
