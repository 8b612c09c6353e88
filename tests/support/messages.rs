//! The messages that clients and servers of the tests send, as text: nothing here goes through a serializer.

/// A POST to an MCP endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A request of the 2026-07-28 era. `id` is JSON text; `params` is the inside of an object, without `_meta`.
pub(crate) fn modern(id: &str, method: &str, params: &str) -> Post {
    let meta = concat!(
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}}"#
    );
    let comma = if params.is_empty() { "" } else { "," };
    Post::new(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{comma}{meta}}}}}"#))
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method)
}

/// `tools/call` in the 2026-07-28 era; `arguments` is a JSON object.
pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Post {
    modern(id, "tools/call", &format!(r#""name":"{name}","arguments":{arguments}"#)).header("Mcp-Name", name)
}

/// A request of the session era; `params` is a JSON object.
pub(crate) fn legacy(id: &str, method: &str, params: &str) -> Post {
    let post = Post::new(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#));
    if method == "initialize" { post } else { post.header("MCP-Protocol-Version", "2025-11-25") }
}

/// A notification of the session era.
pub(crate) fn notification(method: &str, params: &str) -> Post {
    Post::new(format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#))
        .header("MCP-Protocol-Version", "2025-11-25")
}

/// A server's result; both are JSON text.
pub(crate) fn result(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

impl Post {
    /// Any body, with the headers that every client sends.
    pub(crate) fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { path: "/mcp".into(), headers: Vec::new(), body: body.into() }
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Another body under the same head.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a header, in the place of one with that name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn session(self, id: &str) -> Self {
        self.header("Mcp-Session-Id", id)
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.body
    }

    /// Its head for HTTP/2.
    pub(crate) fn h2_head(&self, host: &str) -> http::Request<()> {
        let request = http::Request::post(format!("http://{host}{}", self.path)).version(http::Version::HTTP_2);
        let with = |request: http::request::Builder, (name, value): &(String, String)| request.header(name, value);
        self.headers.iter().fold(request, with).body(()).expect("a head")
    }

    /// The request as it goes over the wire.
    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = self.head(host);
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The request with its body in chunks of these sizes, the last size again and again.
    pub(crate) fn chunked(&self, host: &str, sizes: &[usize]) -> Vec<u8> {
        let mut bytes = self.head(host);
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        let (mut rest, mut sizes) = (&self.body[..], sizes.iter().copied().peekable());
        let mut size = 1;
        while !rest.is_empty() {
            size = sizes.next().unwrap_or(size);
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
            rest = after;
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// Its head, without a framing and without its end.
    pub(crate) fn head(&self, host: &str) -> Vec<u8> {
        let host = if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            String::new()
        } else {
            format!("Host: {host}\r\n")
        };
        let mut head = format!("POST {} HTTP/1.1\r\n{host}", self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.into_bytes()
    }
}
