"""The only place where onnxruntime is imported: so that it has nothing to tell its maker.

    from kws.inference import onnxruntime

Since 1.32 it writes an id and a queue of what it is used for under ~/.cache, and some 20 s after
its start looks its maker's host up to send them. A variable forbids that; it is read when the
library is loaded (`onnxruntime.disable_telemetry_events()` comes too late), and child processes
inherit it.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
