//! The head guard: what is not plain HTTP/1.1 never reaches the parser.
