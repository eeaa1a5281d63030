"""TensorRT's backends: `engine` runs engines of TensorRT 11, `portable` those of TensorRT for RTX; both run streams."""
