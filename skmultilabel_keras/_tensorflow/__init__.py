"""The only place that knows TensorFlow's graph level; see README.md beside this file."""
