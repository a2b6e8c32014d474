//! The feed: one offset-addressed log of shared blocks.
