//! A vocabulary in an order that lets a grammar refuse many tokens at once.

use noctule_model::Vocab;
use std::sync::atomic::{AtomicU64, Ordering};

/// The text tokens of a vocabulary as a tree of their bytes. Build it once per
/// vocabulary and share it.
#[derive(Debug)]
pub struct TokenTrie {
    id: u64,
    /// Nodes in depth-first order, without the root.
    nodes: Vec<TrieNode>,
    /// Tokens by node: those of node `i` are `first_token..` up to the next node's.
    tokens: Vec<u32>,
}

#[derive(Debug)]
struct TrieNode {
    byte: u8,
    /// Bytes before this one.
    depth: u16,
    first_token: u32,
    /// The next node that is not below this one.
    skip: u32,
}

impl TokenTrie {
    /// The tree of all text tokens of `vocab`; tokens without bytes are left out.
    pub fn new(vocab: &Vocab) -> Self {
        Self::from_tokens((0..vocab.n_text() as u32).map(|id| (vocab.token(id), id)))
    }

    pub(super) fn from_tokens<'v>(tokens: impl Iterator<Item = (&'v [u8], u32)>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        // Depths are 16-bit; no text token of a checked model comes near.
        let fits = |bytes: &[u8]| !bytes.is_empty() && bytes.len() < usize::from(u16::MAX);
        let mut sorted: Vec<(&[u8], u32)> = tokens.filter(|(bytes, _)| fits(bytes)).collect();
        sorted.sort_unstable();
        let mut trie = Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), nodes: Vec::new(), tokens: Vec::new() };
        let mut open: Vec<usize> = Vec::new();
        let mut before: &[u8] = &[];
        for (bytes, id) in sorted {
            let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            trie.close(&mut open, shared);
            for (depth, &byte) in bytes.iter().enumerate().skip(shared) {
                open.push(trie.nodes.len());
                let first_token = trie.tokens.len() as u32;
                trie.nodes.push(TrieNode { byte, depth: depth as u16, first_token, skip: 0 });
            }
            trie.tokens.push(id);
            before = bytes;
        }
        trie.close(&mut open, 0);
        trie
    }

    /// Ends all open nodes at `depth` and deeper.
    fn close(&mut self, open: &mut Vec<usize>, depth: usize) {
        let end = self.nodes.len() as u32;
        for node in open.drain(depth..) {
            self.nodes[node].skip = end;
        }
    }

    /// Tells this vocabulary's tree from any other.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Visits nodes depth first with the number of bytes before, the byte, and
    /// the tokens that end there. Where `visit` says `false`, nothing below is visited.
    pub(super) fn walk(&self, mut visit: impl FnMut(usize, u8, &[u32]) -> bool) {
        let mut i = 0;
        while let Some(node) = self.nodes.get(i) {
            let end = self.nodes.get(i + 1).map_or(self.tokens.len(), |next| next.first_token as usize);
            let tokens = &self.tokens[node.first_token as usize..end];
            i = if visit(usize::from(node.depth), node.byte, tokens) { i + 1 } else { node.skip as usize };
        }
    }
}
