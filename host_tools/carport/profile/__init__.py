"""Cars as data: a folder with a DBC, a VSS mapping and a profile.toml, checked and compiled.

load             a folder as a Profile: everything in it is checked
compile_profile  as the dict that the gateway reads
compile_to_file  as a CBOR file in a cache
"""

from carport.profile.cache import compile_to_file
from carport.profile.compile import compile_profile
from carport.profile.load import load
from carport.profile.model import Profile
from carport.profile.source import ProfileError

__all__ = ["Profile", "ProfileError", "compile_profile", "compile_to_file", "load"]
