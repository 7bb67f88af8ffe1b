"""The contract's table of edge cases, through BFF and sandbox together: every call crosses two real sockets."""
