//! What has been counted stays counted over a reload.

use super::{answering, behind, config, echo, is_refused, limit};
use crate::reload::reload;
use crate::support::only_through_weir;

#[tokio::test]
async fn a_reload_forgets_nothing_where_name_and_key_stay() {
    only_through_weir!();
    let server = answering().await;
    let rate = |burst: u32| format!("rate = \"1/h\"\nburst = {burst}\nquota = \"5/day\"");
    let weir = behind(&limit("principal", &rate(2)), &server).await;
    let mut client = weir.client().await;
    for refused in [false, false, true] {
        assert_eq!(is_refused(&client.ask(&echo()).await), refused);
    }
    for (text, passing) in [
        // Something else of the file is another one, and then the burst.
        (format!("[drain]\ntimeout = \"7s\"\n{}", limit("principal", &rate(2))), 0),
        (limit("principal", &rate(4)), 2),
        // Of the quota one is left, whatever the burst is.
        (limit("principal", &rate(9)), 1),
        (limit("client_ip", &rate(2)), 2),
    ] {
        weir.write(&config(&text, &server));
        let answer = reload(&weir).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let mut passed = 0;
        while !is_refused(&weir.client().await.ask(&echo()).await) {
            passed += 1;
        }
        assert_eq!(passed, passing, "{text}");
    }
}
