//! HTTP_GET: requests, replies in any pieces, urls in turn.
