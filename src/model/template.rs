//! URI templates (RFC 6570), as far as policy asks what they become.

use std::fmt::Write;

/// A template in which the variable `name` has become `value`, wherever an expression is of it alone. What an expression
/// with several variables becomes is left open.
pub fn fill(template: &str, name: &str, value: &str) -> String {
    let (mut filled, mut rest) = (String::with_capacity(template.len() + value.len()), template);
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((expression, further)) = behind.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        let operator = expression.chars().next().filter(|first| "+#./;?&".contains(*first));
        let variable = expression.strip_prefix(|first| operator == Some(first)).unwrap_or(expression);
        match variable == name || variable.strip_suffix('*') == Some(name) {
            true => expand(&mut filled, operator, name, value),
            false => _ = write!(filled, "{{{expression}}}"),
        }
        rest = further;
    }
    filled + rest
}

/// An expression of one variable (RFC 6570, 3.2.1 and appendix A).
fn expand(filled: &mut String, operator: Option<char>, name: &str, value: &str) {
    match operator {
        None | Some('+') => {}
        Some(operator @ (';' | '?' | '&')) => {
            _ = write!(filled, "{operator}{name}");
            if operator != ';' || !value.is_empty() {
                filled.push('=');
            }
        }
        Some(operator) => filled.push(operator),
    }
    let reserved = matches!(operator, Some('+' | '#'));
    for byte in value.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        match plain || reserved && b":/?#[]@!$&'()*+,;=".contains(&byte) {
            true => filled.push(char::from(byte)),
            false => _ = write!(filled, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_becomes_what_the_standard_says() {
        for (template, filled) in [
            ("a://{x}/b", "a://1%20%2F%C3%9F/b"),
            ("a://{+x}{x*}", "a://1%20/%C3%9F1%20%2F%C3%9F"),
            ("a:{#x}{.x}{/x}", "a:#1%20/%C3%9F.1%20%2F%C3%9F/1%20%2F%C3%9F"),
            ("a:{?x}{&x}{;x}", "a:?x=1%20%2F%C3%9F&x=1%20%2F%C3%9F;x=1%20%2F%C3%9F"),
            ("a:{y}{x,y}{?x,y}{x:3}", "a:{y}{x,y}{?x,y}{x:3}"),
            ("a:{y}{x", "a:{y}{x"),
            ("a:x", "a:x"),
            ("", ""),
        ] {
            assert_eq!(fill(template, "x", "1 /ß"), filled, "{template}");
        }
        assert_eq!(fill("a:{x}{;x}{?x}", "x", ""), "a:;x?x=");
        assert_eq!(fill("a:{x}", "x", "{x}{y}"), "a:%7Bx%7D%7By%7D");
    }
}
