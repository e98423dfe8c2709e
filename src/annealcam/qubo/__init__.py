"""qubo"""
