//! A cluster is killed, stopped, copied, and finds its port taken. What is stored in one is tested elsewhere.

use super::*;

#[test]
fn a_cluster_keeps_what_it_committed_and_leaves_nothing_behind() {
    let cluster = Cluster::start();
    let name = cluster.database();
    cluster.sql(&name, "CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)");
    cluster.kill();
    cluster.run();
    assert_eq!(cluster.sql(&name, "SELECT n FROM t"), "7");
    cluster.stop();
    cluster.run();
    assert_eq!(cluster.sql(&name, "SELECT n FROM t"), "7");
    let (postmaster, place) = (cluster.postmaster().expect("it runs"), cluster.scratch.path().to_owned());
    drop(cluster);
    assert!(!Path::new(&format!("/proc/{postmaster}")).exists());
    assert!(!place.exists());
}

#[test]
fn a_port_that_is_taken_meanwhile_costs_another_try() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback answers");
    let mut cluster = Cluster::new(&Options::default());
    cluster.port = taken.local_addr().expect("bound").port();
    cluster.initialise(&Options::default());
    assert!(!cluster.attempt(), "it says so");
    cluster.port = free_port();
    cluster.configure(&format!("port = {}\n", cluster.port));
    assert!(cluster.attempt());
    assert_eq!(cluster.sql("postgres", "SELECT 7"), "7");
}

#[test]
fn a_synchronous_standby_has_what_a_killed_primary_confirmed() {
    let primary = Cluster::start();
    let standby = primary.standby();
    let name = primary.database();
    primary.sql(&name, "CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)");
    primary.kill();
    standby.promote();
    assert_eq!(standby.sql(&name, "SELECT n FROM t"), "7");
    standby.sql(&name, "INSERT INTO t VALUES (8)");
}
