from .ending import redraw as redraw
from .engine import run_study as run_study
from .networks import NetworkCard as NetworkCard
from .shards import Setting as Setting, Shard as Shard, shards_of as shards_of
from .store import read_manifest as read_manifest, read_table as read_table
