"""The example tasks: what the tiny model of `examples/tiny_model` can and cannot know."""
