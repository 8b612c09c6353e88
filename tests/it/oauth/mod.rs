//! OAuth as clients meet it: what they are told before they have a token, and when the one that they have does not do.
//!
//! ```text
//! documents   who gives out tokens for a route (RFC 9728), and the challenges that lead there
//! scopes      step-up: too few scopes, and all that are needed at once
//! flows       the official SDKs' own OAuth clients against a real authorization server
//! ```

mod documents;
mod flows;
mod scopes;

use std::path::Path;

use crate::support::Scripted;

const ISSUER: &str = "https://id.example.com/";
const PUBLIC: &str = "http://gateway.test";

/// A gateway that takes the tokens of an issuer; `routes` are its routes and whatever else.
fn config(keys: &Path, server: &str, routes: &str) -> String {
    format!(
        "{routes}\n[[auth.jwt]]\nissuer = {ISSUER:?}\njwks = {{ file = {:?} }}\n[listen]\npublic_url = {PUBLIC:?}\n\
         [[servers]]\nname = \"files\"\nendpoints = [{server:?}]\n",
        keys.join("keys.json")
    )
}

fn route(path: &str, more: &str) -> String {
    format!("[[routes]]\npath = {path:?}\nservers = [\"files\"]\n{more}\n")
}

async fn answering() -> Scripted {
    let answer = r#"{"resultType":"complete","content":[]}"#;
    Scripted::answering(move |request| crate::support::result(&request.id(), answer)).await
}
