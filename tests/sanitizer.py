"""Whether the tests run under AddressSanitizer, which keeps what is freed for a while."""

import os

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
