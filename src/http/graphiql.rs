//! GraphiQL at `/`, from files in the binary: `assets/graphiql`, whose README tells versions and licences.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use include_dir::{Dir, include_dir};

use crate::kernel::seal::sha256_hex;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/graphiql");

/// The page may load, and talk to, this host alone, and runs no script and no style that stands in it. The
/// fonts are in the style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src data:; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file as it is sent.
struct Asset {
    content_type: HeaderValue,
    etag: HeaderValue,
    text: &'static str,
}

static ASSETS: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let files = FILES.files().filter_map(|file| {
        let name = file.path().to_str()?;
        let content_type = match file.path().extension()?.to_str()? {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        let text = file.contents_utf8()?;
        let etag = HeaderValue::from_str(&format!("\"{}\"", sha256_hex(text))).ok()?;
        Some((name, Asset { content_type: HeaderValue::from_static(content_type), etag, text }))
    });
    files.collect()
});

/// `GET /` and `GET /graphiql/{file}`. Each answer has an `ETag` and is asked for again, so that a new binary shows at once.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| send("index.html", &headers)))
        .route("/graphiql/{file}", get(async |Path(file): Path<String>, headers: HeaderMap| send(&file, &headers)))
}

fn send(name: &str, request: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, asset.content_type.clone()),
        (header::ETAG, asset.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if known.map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == asset.etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn fetch(path: &str, known: Option<&HeaderValue>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(path);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let answer = routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (head.status, head.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// What a page names in `src` and `href`.
    fn loads(page: &str) -> Vec<&str> {
        ["src=\"", "href=\""].iter().flat_map(|key| page.split(key).skip(1)).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[tokio::test]
    async fn the_page_loads_files_of_this_host_only_and_all_of_them_are_there() {
        let (status, _, page) = fetch("/", None).await;
        assert_eq!(status, StatusCode::OK);
        let loads = loads(&page);
        assert_eq!(loads.len(), 8, "{loads:?}");
        for path in loads.into_iter().filter(|path| *path != "data:,") {
            assert!(path.starts_with("/graphiql/"), "{path}");
            assert_eq!(fetch(path, None).await.0, StatusCode::OK, "{path}");
        }
        // No script stands in the page: each tag names a file and is empty.
        assert_eq!(page.matches("<script").count(), page.matches("\"></script>").count());
        for own in ["index.html", "portal.js", "portal.css"] {
            let text = FILES.get_file(own).unwrap().contents_utf8().unwrap();
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("\"//"), "{own} names a host");
        }
        let style = FILES.get_file("graphiql.min.css").unwrap().contents_utf8().unwrap();
        assert_eq!((style.matches("url(").count(), style.matches("@import").count()), (style.matches("url(data:").count(), 0));
    }

    #[tokio::test]
    async fn every_answer_forbids_other_hosts_and_is_checked_by_its_etag() {
        for path in ["/", "/graphiql/portal.js", "/graphiql/graphiql.min.css"] {
            let (_, headers, _) = fetch(path, None).await;
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http") && !policy.contains('*'), "{policy}");
            let (status, again, body) = fetch(path, Some(&headers[header::ETAG])).await;
            assert_eq!((status, &again[header::ETAG], body.as_str()), (StatusCode::NOT_MODIFIED, &headers[header::ETAG], ""));
            assert_eq!(fetch(path, Some(&HeaderValue::from_static("\"other\""))).await.0, StatusCode::OK);
        }
        assert_eq!(fetch("/graphiql/nothing.js", None).await.0, StatusCode::NOT_FOUND);
        assert_eq!(fetch("/graphiql/..%2Findex.html", None).await.0, StatusCode::NOT_FOUND);
    }

    /// What is served is what was taken from the packages.
    #[test]
    fn the_readme_tells_the_digest_of_each_vendored_file() {
        let readme = FILES.get_file("README.md").unwrap().contents_utf8().unwrap();
        let rows: Vec<_> = readme.lines().filter_map(|line| Some((line.strip_prefix("| ")?.split(" | ").next()?, line))).skip(1).collect();
        assert_eq!(rows.len(), 5);
        for (name, line) in rows {
            let digest = sha256_hex(FILES.get_file(name).unwrap().contents_utf8().unwrap());
            assert!(line.contains(&digest), "{name}: {digest}");
        }
    }
}
