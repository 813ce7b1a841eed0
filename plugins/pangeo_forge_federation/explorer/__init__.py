"""What the explorer's pages show: data, words, marks and charts. `plugins/explorer.py` connects it to Datasette."""
