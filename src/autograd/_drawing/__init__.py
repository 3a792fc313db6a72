"""Drawings of graphs, the parts of `autograd.draw`.

Read in this order:

graph    selects the nodes to draw and describes in words those left out
layout   places them: a layered layout of directed acyclic graphs
svg      writes the picture as SVG
dot      writes it in Graphviz's language
text     writes a graph as a tree of lines
steps    runs a backward pass one operation at a time, and says what a picture shows then

`autograd.draw` imports from here; nobody else does.
"""
