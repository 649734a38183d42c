use super::*;

#[test]
fn requests_read_as_documented_and_keys_nobody_knows_are_refused() {
    let read = |text: &str| serde_json::from_str::<Request>(text);
    assert_eq!(read(r#"{"request":"status"}"#).unwrap(), Request::Status);
    let dry = Request::Reload { dry_run: true };
    assert_eq!(read(r#"{"request":"reload","dry_run":true}"#).unwrap(), dry);
    assert_eq!(read(r#"{"request":"reload"}"#).unwrap(), Request::Reload { dry_run: false });
    let killed = Request::Killed { has: vec!["release 41".to_owned()], lacks: Vec::new() };
    assert_eq!(read(r#"{"request":"killed","has":["release 41"],"lacks":[]}"#).unwrap(), killed);
    for wrong in [r#"{"request":"reload","dryrun":true}"#, r#"{"request":"stop"}"#, "{}", ""] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_reply_is_one_line_and_reads_back() {
    let errors = vec!["line 1\nand 2".to_owned()];
    let reply = Reply::Reload(Reloaded { errors, ..Reloaded::default() });
    let text = serde_json::to_string(&reply).unwrap();
    assert!(!text.contains('\n'));
    assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), reply);
    let status = Reply::Status(Box::default());
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), status);
}
