"""The command line: quickprop fit, predict, evaluate, demo.

Here and in `app` stands what the commands are called and take, and nothing heavy is loaded. What a
command does is loaded when it runs.
"""
