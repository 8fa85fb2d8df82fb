"""The Runs page: watch a training, steer it, compare it with others."""
