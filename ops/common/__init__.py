"""What several commands share.

files: files with mode 0600. limits: time limits. progress: messages, and signals between steps. waiting: polling.
"""
