from cryptography.hazmat.primitives import hashes

import demistomock as demisto
from CommonServerPython import *

digest = hashes.Hash(hashes.SHA256())
digest.update(demisto.args()["text"].encode())
return_results(digest.finalize().hex())
