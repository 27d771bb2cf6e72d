//! An AgentX (RFC 2741) subagent as a library.
