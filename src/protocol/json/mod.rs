//! JSON read in one strict pass, without building a tree.
