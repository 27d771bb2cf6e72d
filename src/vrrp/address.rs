//! The rows of addresses.

use std::net::IpAddr;

use crate::config::model;
use crate::state::{Managed, Object};

/// A row of vrrpAddressTable: desired and present state of an address.
#[derive(Clone, Debug)]
pub struct Address {
    /// The address line of the configuration.
    pub config: model::Address,
    /// Included in adverts (not excluded, not static).
    pub advertised: bool,
    /// Kernel index of its interface, `None` while the interface does not exist.
    pub ifindex: Option<u32>,
    /// Its state in the kernel.
    pub state: Managed,
}

/// Identifies an address in the kernel: interface, address and prefix length.
pub type AddressKey = (u32, IpAddr, u8);

impl Object for Address {
    type Key = AddressKey;
    type Line = model::Address;

    fn line(&self) -> &model::Address {
        &self.config
    }

    fn key(&self) -> Option<AddressKey> {
        Some((self.ifindex?, self.config.ip, self.kernel_prefix()))
    }

    fn state(&self) -> &Managed {
        &self.state
    }

    fn state_mut(&mut self) -> &mut Managed {
        &mut self.state
    }

    fn is_untracked(&self) -> bool {
        self.config.no_track
    }
}

impl Address {
    /// Creates a row whose state in the kernel is unknown.
    pub fn new(config: model::Address, advertised: bool) -> Address {
        Address { config, advertised, ifindex: None, state: Managed::default() }
    }

    /// Prefix length in the kernel: that of the peer address, if there is one.
    pub fn kernel_prefix(&self) -> u8 {
        self.config.peer.map_or(self.config.prefix, |(_, prefix)| prefix)
    }
}
