"""OSCORE, RFC 8613: CoAP messages sealed between two parties that share a master secret."""
