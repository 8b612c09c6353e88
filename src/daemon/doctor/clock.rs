//! The clock of this machine, held against the `Date` of the servers' answers. No other time source is asked.

use super::finding::Finding;

/// Seconds that two clocks may be apart: certificates and tokens do not mind less.
const MOST: u64 = 30;
/// 2026-01-01: before that there was no such program.
const EARLIEST: i64 = 1_767_225_600;

const SUBJECT: &str = "clock";

/// `offsets`: seconds that each server's clock is ahead of ours.
pub(super) fn examine(offsets: &[i64]) -> Finding {
    verdict(offsets, crate::model::clock::unix_seconds() as i64)
}

fn verdict(offsets: &[i64], now: i64) -> Finding {
    const SET: &str = "set it (NTP: `timedatectl set-ntp true`): certificates and sessions are judged by it";
    if now < EARLIEST {
        return Finding::fail(SUBJECT, "it is before 2026", SET);
    }
    let mut sorted = offsets.to_vec();
    sorted.sort_unstable();
    let Some(&median) = sorted.get(sorted.len() / 2) else {
        return Finding::ok(SUBJECT, "not compared: no server's answer had a date");
    };
    let far = sorted.iter().filter(|offset| offset.unsigned_abs() > MOST).count();
    let (all, apart) = (sorted.len(), median.unsigned_abs());
    if apart > MOST {
        let way = if median > 0 { "behind" } else { "ahead of" };
        let compared = if all == 1 { "the server" } else { "most servers" };
        return Finding::warn(SUBJECT, format!("{apart} s {way} {compared}"), SET);
    }
    if far > 0 {
        let finding = format!("agrees with most servers; {far} of {all} are more than {MOST} s off");
        return Finding::warn(SUBJECT, finding, "set the clocks there");
    }
    let servers = if all == 1 { "the server's" } else { "the servers'" };
    Finding::ok(SUBJECT, format!("within {MOST} s of {servers}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn the_middle_one_of_the_servers_decides() {
        let told = |offsets: &[i64]| {
            let finding = verdict(offsets, EARLIEST);
            (finding.verdict, finding.finding)
        };
        assert_eq!(told(&[]), (Verdict::Ok, "not compared: no server's answer had a date".into()));
        assert_eq!(told(&[30]), (Verdict::Ok, "within 30 s of the server's".into()));
        assert_eq!(told(&[-31]), (Verdict::Warn, "31 s ahead of the server".into()));
        assert_eq!(told(&[3600, 0, 3601]), (Verdict::Warn, "3600 s behind most servers".into()));
        let one = "agrees with most servers; 1 of 3 are more than 30 s off";
        assert_eq!(told(&[1, i64::MIN, 0]), (Verdict::Warn, one.into()));
        assert_eq!(verdict(&[0], EARLIEST - 1).verdict, Verdict::Fail);
    }
}
