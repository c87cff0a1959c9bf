//! Environments, and what they say.

use std::env::VarError;

use super::*;

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What a node of three is started with.
const FULL: [(&str, &str); 4] = [
    (NODE, "2"),
    (NODES, "3"),
    (RENDEZVOUS, "127.0.0.1:7411"),
    (KEY, SECRET),
];

fn read(variables: &[(&str, &str)]) -> Result<Identity, IdentityError> {
    Identity::read(|name| {
        // The last counts, so that a test changes one of `FULL`.
        let mut variables = variables.iter().rev();
        let found = variables.find(|(variable, _)| *variable == name);
        found
            .map(|(_, value)| (*value).to_owned())
            .ok_or(VarError::NotPresent)
    })
}

/// `FULL` with this.
fn with(variable: &'static str, value: &'static str) -> Result<Identity, IdentityError> {
    read(&[&FULL[..], &[(variable, value)]].concat())
}

fn refusal(variables: &[(&str, &str)]) -> String {
    read(variables).expect_err("refused").to_string()
}

#[test]
fn plain_start_is_a_rack_of_one() {
    for variables in [
        &[][..],
        &[(NODES, "1")],
        &[(NODES, "1"), (NODE, "0")],
        &[(BIND, "127.0.0.1")],
    ] {
        let identity = read(variables).expect("a rack of one");
        assert_eq!((identity.node, identity.nodes), (0, 1), "{variables:?}");
        assert!(identity.meeting.is_none());
    }
}

#[test]
fn node_of_three() {
    let identity = read(&FULL).expect("all is there");
    assert_eq!((identity.node, identity.nodes), (2, 3));
    assert_eq!(identity.start_limit, START_LIMIT_DEFAULT);
    let meeting = identity.meeting.expect("there are others");
    assert_eq!(meeting.rendezvous.to_string(), "127.0.0.1:7411");
    assert!(!meeting.is_reserved && meeting.bind.is_none());
    assert_eq!(format!("{:?}", meeting.key), "RunKey(secret)");

    let bound = with(BIND, " 10.0.0.7:80 ").expect("spaces do not count");
    let bind = bound.meeting.expect("there are others").bind;
    let ip = IpAddr::from([10, 0, 0, 7]);
    assert_eq!(bind, Some(Bind { ip, port: Some(80) }));
    let named = with(RENDEZVOUS, "[::1]:9").expect("an address with colons");
    let rendezvous = named.meeting.expect("there are others").rendezvous;
    assert_eq!(
        (&*rendezvous.host, rendezvous.to_string()),
        ("::1", "[::1]:9".into())
    );
    let survives = with(ON_NODE_LOSS, "survive").expect("a choice");
    assert_eq!(survives.on_node_loss, OnNodeLoss::Survive);
    let limit = with(START_LIMIT, "0.5").expect("a limit").start_limit;
    assert_eq!(limit, Duration::from_millis(500));
}

#[test]
fn bad_values_name_the_variable_and_what_is_allowed() {
    for (variable, value, says) in [
        (NODES, "0", "GOSSAMER_NODES=0: must be from 1 to 1024"),
        (NODES, "1025", "GOSSAMER_NODES=1025: must be from 1 to 1024"),
        (NODES, "many", "GOSSAMER_NODES=many: must be from 1 to 1024"),
        (
            NODE,
            "3",
            "GOSSAMER_NODE=3: must be from 0 to 2, as there are 3 nodes",
        ),
        (
            NODE,
            "-1",
            "GOSSAMER_NODE=-1: must be from 0 to 2, as there are 3 nodes",
        ),
        (NODE, "", "GOSSAMER_NODE=: must be from 0 to 2"),
        (
            RENDEZVOUS,
            "10.0.0.7",
            "GOSSAMER_RENDEZVOUS=10.0.0.7: must be HOST:PORT where node 0 listens, like \
             10.0.0.7:7411 or [::1]:7411",
        ),
        (
            RENDEZVOUS,
            "host:0",
            "GOSSAMER_RENDEZVOUS=host:0: must be HOST:PORT",
        ),
        (
            RENDEZVOUS,
            ":7411",
            "GOSSAMER_RENDEZVOUS=:7411: must be HOST:PORT",
        ),
        (
            RENDEZVOUS,
            "::1:7411",
            "GOSSAMER_RENDEZVOUS=::1:7411: must be HOST:PORT",
        ),
        (
            KEY,
            "abc",
            "GOSSAMER_KEY=(3 characters): must be 64 hexadecimal digits, the same on all nodes and \
             secret",
        ),
        (
            BIND,
            "localhost",
            "GOSSAMER_BIND=localhost: must be IP or IP:PORT",
        ),
        (
            START_LIMIT,
            "0",
            "GOSSAMER_START_LIMIT=0: must be a number of seconds from 0.1 to 86400",
        ),
        (START_LIMIT, "NaN", "GOSSAMER_START_LIMIT=NaN: must be"),
        (
            FABRIC,
            "udp",
            "GOSSAMER_FABRIC=udp: must be auto, shm, tcp or rdma",
        ),
        (
            ON_NODE_LOSS,
            "Survive",
            "GOSSAMER_ON_NODE_LOSS=Survive: must be abort or survive",
        ),
    ] {
        let text = with(variable, value).expect_err("refused").to_string();
        assert!(text.starts_with(says), "{variable}={value}: {text}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (missing, says) in [
        (
            NODE,
            "GOSSAMER_NODE is not set, but GOSSAMER_NODES is: set it to this node, from 0 to 2",
        ),
        (
            NODES,
            "GOSSAMER_NODES is not set, but GOSSAMER_NODE is: set it to the number of nodes",
        ),
        (
            RENDEZVOUS,
            "GOSSAMER_RENDEZVOUS is not set, but GOSSAMER_NODES is: set it to HOST:PORT",
        ),
        (
            KEY,
            "GOSSAMER_KEY is not set, but GOSSAMER_NODES is: set it to 64 hexadecimal digits",
        ),
    ] {
        let rest: Vec<_> = FULL
            .into_iter()
            .filter(|(name, _)| *name != missing)
            .collect();
        let text = refusal(&rest);
        assert!(text.starts_with(says), "{text}");
    }
}

const STEP: [(&str, &str); 3] = [
    ("SLURM_PROCID", "1"),
    ("SLURM_STEP_NUM_TASKS", "4"),
    ("SLURM_STEP_NODELIST", "rack[07-10]"),
];

#[test]
fn step_of_slurm_says_node_and_nodes() {
    let text = refusal(&STEP);
    assert_eq!(
        text,
        "this is task 1 of 4 of a Slurm step, which makes it a node of a rack; still needed: \
         GOSSAMER_KEY, 64 hexadecimal digits, the same on all nodes and secret, such as `export \
         GOSSAMER_KEY=$(openssl rand -hex 32)` before srun; and GOSSAMER_RENDEZVOUS, where task 0 \
         can be reached by all, such as rack07:7411. Or set GOSSAMER_NODES=1 for a rack of one in \
         each task"
    );
    let rest = [(KEY, SECRET), (RENDEZVOUS, "rack07:7411")];
    let whole = read(&[&STEP[..], &rest].concat()).expect("all is there");
    assert_eq!((whole.node, whole.nodes), (1, 4));
    let alone = read(&[&STEP[..], &[(NODES, "1")]].concat()).expect("a rack of one");
    assert_eq!((alone.node, alone.nodes), (0, 1));
    let launched = read(&[&STEP[..], &FULL].concat()).expect("ours are stronger");
    assert_eq!((launched.node, launched.nodes), (2, 3));
}

/// Its variables are those of the allocation; a program that it starts plainly is one process.
#[test]
fn batch_script_of_slurm_is_no_step() {
    let script = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")];
    assert_eq!(read(&script).expect("a rack of one").nodes, 1);
    let old = [&script[..], &[("SLURM_STEP_NODELIST", "a,b")]].concat();
    assert!(refusal(&old).contains("task 0 of 4"), "{}", refusal(&old));
}

#[test]
fn bad_values_of_slurm() {
    let with = |variable, value| refusal(&[&STEP[..], &[(variable, value)]].concat());
    assert_eq!(
        with("SLURM_PROCID", "4"),
        "SLURM_PROCID=4: must be from 0 to 3, as the step has 4 tasks"
    );
    assert!(with("SLURM_STEP_NUM_TASKS", "2000").contains("from 1 to 1024"));
}
