//! Command line to one of the processes.

fn main() {}
