//! Free TCP ports on the loopback address.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};

use rand::Rng as _;

/// Below the range that systems hand out to outgoing connections: a port stays free for the part it
/// was chosen for, also while that part restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Returns `count` different ports that nobody listens on now.
///
/// Another process may take one before it is used; whoever starts a part on them tries again with
/// others when the part ends early.
pub fn free(count: usize) -> Vec<u16> {
    let mut rng = rand::rng();
    let mut found = HashSet::new();
    let mut ports = Vec::with_capacity(count);
    while ports.len() < count {
        let port = rng.random_range(RANGE);
        if !found.contains(&port) && is_free(port) {
            found.insert(port);
            ports.push(port);
        }
    }
    ports
}

/// True when a listener can be bound to the port on the loopback address and on all addresses.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_different_ports_that_can_be_bound() {
        let ports = free(20);
        let different: HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), 20);
        let held: Vec<_> = ports
            .iter()
            .map(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .collect();
        assert!(held.iter().all(Result::is_ok));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind any port");
        let port = held.local_addr().expect("bound").port();
        assert!(!is_free(port));
    }
}
