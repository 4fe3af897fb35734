"""Dense vectors beside BM25: an OpenAI-compatible embeddings endpoint, and FAISS."""
