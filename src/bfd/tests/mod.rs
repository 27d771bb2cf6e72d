//! Tests of the machine in virtual time: single events according to the rules of the RFC, and pairs of machines on a link.

mod link;
mod pairs;
mod reload;
mod rules;
mod settle;
mod timing;
