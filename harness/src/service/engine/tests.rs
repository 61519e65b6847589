//! What is read from the engine's answers.

use super::*;
use testcontainers::bollard::models::PortBinding;

fn binding(ip: &str, port: &str) -> PortBinding {
    PortBinding { host_ip: Some(ip.to_owned()), host_port: Some(port.to_owned()) }
}

#[test]
fn ports_are_reached_where_they_are_published() {
    let ports = [
        ("5432/tcp".to_owned(), Some(vec![binding("0.0.0.0", "32768"), binding("::", "32769")])),
        ("80/tcp".to_owned(), Some(vec![binding("127.0.0.2", "8080")])),
        ("81/tcp".to_owned(), Some(vec![binding("", "81")])),
        ("53/udp".to_owned(), Some(vec![binding("0.0.0.0", "53")])),
        ("9/tcp".to_owned(), None),
        ("x/tcp".to_owned(), Some(vec![binding("0.0.0.0", "x")])),
    ];
    let found = published(ports.into_iter().collect());
    let shown: Vec<String> = found.iter().map(|(port, at)| format!("{port}={at}")).collect();
    assert_eq!(shown, ["80=127.0.0.2:8080", "81=127.0.0.1:81", "5432=127.0.0.1:32768"]);
}

#[test]
fn an_address_is_the_one_asked_for_or_the_only_one() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let one = Condition { published: [(80, at("127.0.0.1:8080"))].into(), ..Condition::default() };
    assert_eq!(one.address(None), Ok(at("127.0.0.1:8080")));
    assert_eq!(one.address(Some(80)), Ok(at("127.0.0.1:8080")));
    assert!(one.address(Some(81)).unwrap_err().contains("port 81 is published nowhere"));
    let settings =
        EndpointSettings { ip_address: Some("172.18.0.2".to_owned()), ..Default::default() };
    let inside = Condition { networks: [("n".to_owned(), settings)].into(), ..one };
    assert_eq!(inside.address(Some(81)), Ok(at("172.18.0.2:81")));
    assert!(Condition::default().address(None).unwrap_err().contains("publishes no port"));
}

#[test]
fn what_is_looked_for_is_exact() {
    let which = Which::Compose { project: "shop".to_owned(), service: "db".to_owned() };
    let labels = ["com.docker.compose.project=shop", "com.docker.compose.service=db"];
    assert_eq!(Query::of(&which), Query::Labels(labels.map(str::to_owned).to_vec()));
    let ours = Query::Labels(vec!["assay.run=r".to_owned(), "assay.service=db".to_owned()]);
    assert_eq!(Query::ours("r", Some("db")), ours);
    assert_eq!(Query::of(&Which::Name("db".to_owned())), Query::Name("db".to_owned()));
}

#[test]
fn each_undo_says_what_a_person_types() {
    let vessel = Vessel { id: "0123456789abcdef".to_owned(), name: "db".to_owned() };
    assert_eq!(Put::GoOn.by_hand(&vessel, None), "docker unpause 0123456789ab");
    assert_eq!(Put::Run.by_hand(&vessel, None), "docker start 0123456789ab");
    let far = Put::Run.by_hand(&vessel, Some("tcp://far:2375"));
    assert_eq!(far, "docker -H tcp://far:2375 start 0123456789ab");
    let join = Put::Join { network: "shop".to_owned(), settings: BTreeMap::new() };
    assert_eq!(join.by_hand(&vessel, None), "docker network connect shop 0123456789ab");
}
