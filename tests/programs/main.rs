//! The programs on a command line, without a network, and their installation.

mod command_line;
mod completions;
mod files_of_the_daemon;
mod genhash;
mod install;
