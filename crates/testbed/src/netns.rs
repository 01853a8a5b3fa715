//! Machines that are none: network namespaces joined by two bridges, so that the way from a node to the database can be cut while
//! clients still reach the node. Linux, `ip` and root; who has not that is told why. What runs in a namespace is the caller's.
//!
//! ```text
//! caller ── bridge of clients ──┬── node 0 ──┬── bridge of data, in the database's namespace ── database
//!                               ├── node 1 ──┤
//!                               └── node 2 ──┘
//! ```

use std::process::{Command, Stdio};

/// A throw-away network, taken down when it is dropped.
#[derive(Debug)]
pub struct Network {
    /// Part of every name on this machine.
    tag: u32,
    nodes: usize,
}

impl Network {
    /// One database and so many nodes.
    ///
    /// # Errors
    /// Why that cannot be done here: not root, no `ip`, a container without the right.
    pub fn new(nodes: usize) -> Result<Self, String> {
        let network = Self { tag: std::process::id() % 250, nodes };
        // What a process of the same number left behind, if it was killed.
        network.remove();
        network.build().inspect_err(|_| network.remove())?;
        Ok(network)
    }

    fn build(&self) -> Result<(), String> {
        let (data, bridge) = (self.database(), self.bridge());
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add 10.212.{}.1/24 dev {bridge}", self.tag))?;
        ip(&format!("link set {bridge} up"))?;
        ip(&format!("netns add {data}"))?;
        ip(&format!("-n {data} link set lo up"))?;
        ip(&format!("-n {data} link add data type bridge"))?;
        ip(&format!("-n {data} addr add {}/24 dev data", self.database_address()))?;
        ip(&format!("-n {data} link set data up"))?;
        for number in 0..self.nodes {
            let (node, port) = (self.node(number), self.port(number));
            ip(&format!("netns add {node}"))?;
            ip(&format!("-n {node} link set lo up"))?;
            ip(&format!("link add {port} type veth peer name clients netns {node}"))?;
            ip(&format!("link set {port} master {bridge} up"))?;
            ip(&format!("-n {node} addr add {}/24 dev clients", self.address(number)))?;
            ip(&format!("-n {node} link set clients up"))?;
            ip(&format!("-n {node} link add data type veth peer name node{number} netns {data}"))?;
            ip(&format!("-n {data} link set node{number} master data up"))?;
            ip(&format!("-n {node} addr add 10.213.{}.{}/24 dev data", self.tag, 11 + number))?;
            ip(&format!("-n {node} link set data up"))?;
        }
        Ok(())
    }

    fn remove(&self) {
        let spaces = (0..self.nodes).map(|number| self.node(number)).chain([self.database()]);
        spaces.for_each(|space| drop(ip(&format!("netns del {space}"))));
        let links = (0..self.nodes).map(|number| self.port(number)).chain([self.bridge()]);
        links.for_each(|link| drop(ip(&format!("link del {link}"))));
    }

    /// The words before a command that shall run where a node is.
    pub fn enter(&self, node: usize) -> [String; 4] {
        ["ip".into(), "netns".into(), "exec".into(), self.node(node)]
    }

    /// The namespace of the database.
    pub fn database(&self) -> String {
        format!("causeway-{}-data", self.tag)
    }

    /// Where the database is, seen from the nodes.
    pub fn database_address(&self) -> String {
        format!("10.213.{}.5", self.tag)
    }

    /// Where the nodes come from, seen from the database.
    pub fn data_network(&self) -> String {
        format!("10.213.{}.0/24", self.tag)
    }

    /// Where a node is, seen from here.
    pub fn address(&self, node: usize) -> String {
        format!("10.212.{}.{}", self.tag, 11 + node)
    }

    /// Where clients come from, seen from the nodes.
    pub fn client_network(&self) -> String {
        format!("10.212.{}.0/24", self.tag)
    }

    /// Takes the link between a node and the database down: nothing that is sent arrives, and nobody is told.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn cut(&self, node: usize) -> Result<(), String> {
        ip(&format!("-n {} link set node{node} down", self.database()))
    }

    /// Puts it up again.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn heal(&self, node: usize) -> Result<(), String> {
        ip(&format!("-n {} link set node{node} up", self.database()))
    }

    fn node(&self, number: usize) -> String {
        format!("causeway-{}-{number}", self.tag)
    }

    /// At most 15 characters: a link's name.
    fn bridge(&self) -> String {
        format!("cw{}", self.tag)
    }

    fn port(&self, node: usize) -> String {
        format!("cw{}n{node}", self.tag)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("ip cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("ip {words}: {said}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_links_fit() {
        let network = Network { tag: 249, nodes: 0 };
        assert!(network.bridge().len() <= 15 && network.port(99).len() <= 15);
    }
}
