//! HTTP/1.1 connections to servers, and the pool that keeps them.
