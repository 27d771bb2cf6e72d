//! The counters of an instance as quantities of its row.

use super::super::forms::Has;
use crate::vrrp::{Counters, Instance};

impl Has<Counters> for Instance {
    fn numbers(&self) -> &Counters {
        &self.counters
    }
}

quantities! {
    Counters;
    BecomeMaster: |counters| counters.become_master;
    AdvertsReceived: |counters| counters.adverts_received;
    OtherIntervals: |counters| counters.other_intervals;
    AuthFailures: |counters| counters.auth_failures;
    TtlErrors: |counters| counters.ttl_errors;
    PriorityZeroReceived: |counters| counters.priority_zero_received;
    PriorityZeroSent: |counters| counters.priority_zero_sent;
    TypeErrors: |counters| counters.type_errors;
    AddressListErrors: |counters| counters.address_list_errors;
    AuthTypeInvalid: |counters| counters.auth_type_invalid;
    AuthTypeMismatch: |counters| counters.auth_type_mismatch;
    LengthErrors: |counters| counters.length_errors;
}
