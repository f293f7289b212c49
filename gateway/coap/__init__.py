"""CoAP, RFC 7252: messages, their options and codes, blocks and links."""
