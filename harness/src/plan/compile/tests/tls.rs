//! Services over TLS: what the settings come to, and each way to get them wrong.

use super::{changed, planned as good_but};
use crate::plan::{Plan, ServiceKind, compile_all};
use crate::spec::{Overrides, decode};
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;

/// A load on `url` with these settings of its client.
fn scenario(url: &str, client: &str) -> String {
    format!(
        "schema: 1\nname: x\nservices: {{shop: {{url: \"{url}\"}}}}\nload:\n  visitors:\n    \
         constant-arrival-rate: {{rate: 500/s, duration: 20s, client: {client}, requests: [{{get: \
         {{path: /}}}}]}}\nobjectives: {{errors: {{error-rate: {{below: 1%}}}}}}\n"
    )
}

fn planned(folder: &Path, url: &str, client: &str) -> Result<Plan, String> {
    let file = folder.join("x.yaml").display().to_string();
    let text = scenario(url, client);
    let read = decode(&file, &text, &Overrides::default(), &|_| None);
    compile_all(read).map_err(|problems| problems.render(crate::spec::Look::Plain))
}

/// A folder with a certificate, its key, another key, and a file with neither.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["shop.test".to_owned()]).unwrap();
    write("me.pem", params.self_signed(&key).unwrap().pem());
    write("me.key", key.serialize_pem());
    write("other.key", KeyPair::generate().unwrap().serialize_pem());
    write("text.pem", "nothing".to_owned());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    write("broken.pem", broken.to_owned());
    folder
}

#[test]
fn the_settings_of_the_first_load_are_those_of_the_service() {
    let folder = files();
    let client = "{tls: {ca: me.pem, cert: me.pem, key: me.key}}";
    let plan = planned(folder.path(), "https://127.0.0.1", client).unwrap();
    assert!(matches!(plan.services[0].kind, ServiceKind::Url { secure: true, port: 443, .. }));
    let tls = plan.tls_of("shop").unwrap();
    assert_eq!((tls.authorities.len(), tls.insecure), (1, false));
    assert_eq!(tls.identity.as_ref().unwrap().chain, tls.authorities);
    let shell = folder.path().join("me.key").display().to_string();
    assert_eq!(tls.files.key.as_ref(), Some(&shell));
    assert!(plan.is_sealed());
    assert!(!format!("{plan:?}").contains("PRIVATE") && plan.insecure().next().is_none());
    // Without settings: the authorities of the machine, and no certificate of our own.
    let plan = planned(folder.path(), "https://127.0.0.1:8443/v1", "{}").unwrap();
    assert!(plan.tls_of("shop").unwrap().authorities.is_empty());
    let plan = planned(folder.path(), "http://127.0.0.1", "{}").unwrap();
    assert!(!plan.is_sealed());
    assert!(plan.tls_of("shop").is_none() && plan.loads[0].client.transport.tls.is_none());
}

#[test]
fn whoever_accepts_anything_is_named() {
    let folder = files();
    let plan = planned(folder.path(), "https://127.0.0.1", "{tls: {insecure: true}}").unwrap();
    assert_eq!(plan.insecure().collect::<Vec<_>>(), ["visitors"]);
}

#[test]
fn settings_that_cannot_be_used_say_what_to_write() {
    let folder = files();
    for (client, words) in [
        ("{ca: none.pem}", "cannot read"),
        ("{ca: .}", "it is no file"),
        ("{ca: text.pem}", "`text.pem` holds no certificate"),
        ("{ca: broken.pem}", "`broken.pem` holds what is no certificate"),
        ("{cert: me.pem}", "`cert` without `key` proves nothing"),
        ("{key: me.key}", "`key` without `cert` proves nothing"),
        ("{cert: me.pem, key: me.pem}", "`me.pem` holds no private key"),
        ("{cert: me.pem, key: other.key}", "`other.key` is not the key of `me.pem`"),
        ("{ca: me.pem, insecure: true}", "any certificate is accepted, so no authority is asked"),
    ] {
        let client = format!("{{tls: {client}}}");
        let said = planned(folder.path(), "https://127.0.0.1", &client).unwrap_err();
        assert!(said.contains(words) && said.contains("x.yaml:"), "{said}");
    }
    let clear = planned(folder.path(), "http://127.0.0.1", "{tls: {}}").unwrap_err();
    assert!(clear.contains("`shop` is not reached over TLS"), "{clear}");
}

#[test]
fn http2_is_for_services_themselves() {
    let folder = files();
    let plan = planned(folder.path(), "http://127.0.0.1", "{protocol: http2}").unwrap();
    assert_eq!((plan.loads[0].client.transport.http2, plan.loads[0].client.streams()), (true, 100));
    let plan = planned(folder.path(), "http://127.0.0.1", "{protocol: http1}").unwrap();
    assert_eq!((plan.loads[0].client.transport.http2, plan.loads[0].client.streams()), (false, 1));
    let problems = good_but(&changed(&[("client: {", "client: {protocol: http2, ")])).err();
    let shown = problems.unwrap_or_default().render(crate::spec::Look::Plain);
    assert!(shown.contains("the link `front` speaks only HTTP/1.1"), "{shown}");
}

#[test]
fn connections_have_an_age_and_come_from_where_they_are_told() {
    let folder = files();
    let client =
        "{reconnect: {every: 30s}, dns-refresh: 1s, source-addresses: [127.0.0.2, \\\"::1\\\"]}";
    let client = client.replace("\\\"", "\"");
    let plan = planned(folder.path(), "http://127.0.0.1", &client).unwrap();
    let transport = &plan.loads[0].client.transport;
    assert_eq!((transport.reconnect_us, transport.sources.len()), (Some(30_000_000), 2));
    assert_eq!(plan.dns_refresh_us("shop"), 1_000_000);
    assert_eq!(
        planned(folder.path(), "http://127.0.0.1", "{}").unwrap().dns_refresh_us("shop"),
        5_000_000
    );
    for (client, words) in [
        ("{reconnect: {every: 0s}}", "0s is no length of time"),
        ("{dns-refresh: 0s}", "0s is no length of time"),
        ("{source-addresses: [localhost]}", "`localhost` is no address of a machine"),
        ("{source-addresses: [0.0.0.0]}", "`0.0.0.0` is no address of a machine"),
        (
            "{source-addresses: [\"::1\"]}",
            "from none of these addresses is there a way to 127.0.0.1",
        ),
    ] {
        let said = planned(folder.path(), "http://127.0.0.1", client).unwrap_err();
        assert!(said.contains(words), "{said}");
    }
}

/// A link that reads takes the seal off: the load speaks in the clear to it, and its settings are the
/// link's.
#[test]
fn a_link_speaks_tls_with_the_settings_of_the_load_that_goes_through_it() {
    let secure = ("http://127.0.0.1:9090/v1/", "https://127.0.0.1:9090/v1/");
    let any = ("client: {", "client: {tls: {insecure: true}, ");
    let (to, fault) = (("to: front\n", "to: pay\n"), ("link: front", "link: pay"));
    let plan = good_but(&changed(&[secure, any, to, fault])).unwrap();
    let transport = &plan.loads[0].client.transport;
    assert!(transport.tls.is_none() && transport.beyond.as_ref().unwrap().insecure);
    assert!(plan.tls_of("payments").unwrap().insecure);
    assert!(plan.insecure().any(|name| name == plan.loads[0].name));
    let problems = good_but(&changed(&[any])).err().unwrap();
    let shown = problems.render(crate::spec::Look::Plain);
    assert!(shown.contains("is not reached over TLS, so these settings say nothing"), "{shown}");
}
