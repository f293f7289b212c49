"""The numbers of CoAP that Carport uses, named as the RFCs and IANA's registry name them.

A code is `class << 5 | detail`: 2.05 is 69.
"""

from gateway.const import const

# Message types. Source: RFC 7252 section 3.
CON = const(0)
NON = const(1)
ACK = const(2)
RST = const(3)

# Codes: the empty message, methods. Source: RFC 7252 section 12.1.1, RFC 8132.
EMPTY = const(0)
GET = const(1)
POST = const(2)
PUT = const(3)
DELETE = const(4)
FETCH = const(5)
PATCH = const(6)
IPATCH = const(7)

# Codes: responses. Source: RFC 7252 section 12.1.2, RFC 7959, RFC 8132, RFC 8516.
CREATED = const(65)  # 2.01
DELETED = const(66)  # 2.02
VALID = const(67)  # 2.03
CHANGED = const(68)  # 2.04
CONTENT = const(69)  # 2.05
CONTINUE = const(95)  # 2.31
BAD_REQUEST = const(128)  # 4.00
UNAUTHORIZED = const(129)  # 4.01
BAD_OPTION = const(130)  # 4.02
FORBIDDEN = const(131)  # 4.03
NOT_FOUND = const(132)  # 4.04
METHOD_NOT_ALLOWED = const(133)  # 4.05
NOT_ACCEPTABLE = const(134)  # 4.06
REQUEST_ENTITY_INCOMPLETE = const(136)  # 4.08
CONFLICT = const(137)  # 4.09
PRECONDITION_FAILED = const(140)  # 4.12
REQUEST_ENTITY_TOO_LARGE = const(141)  # 4.13
UNSUPPORTED_CONTENT_FORMAT = const(143)  # 4.15
UNPROCESSABLE_ENTITY = const(150)  # 4.22
TOO_MANY_REQUESTS = const(157)  # 4.29
INTERNAL_SERVER_ERROR = const(160)  # 5.00
NOT_IMPLEMENTED = const(161)  # 5.01
BAD_GATEWAY = const(162)  # 5.02
SERVICE_UNAVAILABLE = const(163)  # 5.03
GATEWAY_TIMEOUT = const(164)  # 5.04
PROXYING_NOT_SUPPORTED = const(165)  # 5.05

# Options; an odd number is critical. Source: RFC 7252 section 12.2, RFC 7641, 7959, 8613, 9175.
IF_MATCH = const(1)
URI_HOST = const(3)
ETAG = const(4)
IF_NONE_MATCH = const(5)
OBSERVE = const(6)
URI_PORT = const(7)
LOCATION_PATH = const(8)
OSCORE = const(9)
URI_PATH = const(11)
CONTENT_FORMAT = const(12)
MAX_AGE = const(14)
URI_QUERY = const(15)
ACCEPT = const(17)
LOCATION_QUERY = const(20)
BLOCK2 = const(23)
BLOCK1 = const(27)
SIZE2 = const(28)
PROXY_URI = const(35)
PROXY_SCHEME = const(39)
SIZE1 = const(60)
ECHO = const(252)
NO_RESPONSE = const(258)
REQUEST_TAG = const(292)

# Content formats. Source: RFC 7252 section 12.3, RFC 7049, RFC 8428.
TEXT_PLAIN = const(0)
LINK_FORMAT = const(40)
OCTET_STREAM = const(42)
CBOR = const(60)
SENML_CBOR = const(112)
