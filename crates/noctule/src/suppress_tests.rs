use super::*;
use crate::options::SuppressPattern;
use crate::tokenizer::tests::{bytewise, english};
use proptest::prelude::*;

fn rules() -> SuppressionRules<'static> {
    SuppressionRules { timestamps: true, ..SuppressionRules::default() }
}

#[test]
fn tokens_of_the_prompt_are_never_sampled() {
    let v = english().vocab();
    let set = Suppression::new(v, rules());
    let never =
        [v.sot(), v.language(0), v.language(98), v.translate(), v.transcribe(), v.solm(), v.prev(), v.nosp(), v.not_()];
    assert!(never.iter().all(|&id| set.set(false).contains(id)));
    let may = [0, v.eot(), v.beg(), v.len() as u32 - 1];
    assert!(may.iter().all(|&id| !set.set(false).contains(id)));
    assert_eq!(set.set(false).count(), (v.beg() - v.sot()) as usize);
    assert_eq!(set.set(true), set.set(false));
}

#[test]
fn blank_and_end_of_text_may_not_come_first() {
    let v = english().vocab();
    let set = Suppression::new(v, SuppressionRules { blank: true, ..rules() });
    let blank = v.token_to_id(b" ").expect("a blank");
    for id in [blank, v.eot()] {
        assert!(set.set(true).contains(id) && !set.set(false).contains(id));
    }
    let mut logits = vec![1.0; v.len()];
    set.apply(&mut logits, true);
    assert_eq!(logits[blank as usize], f32::NEG_INFINITY);
    assert_eq!(logits[0], 1.0);
    assert_eq!(logits[v.sot() as usize], f32::NEG_INFINITY);
}

#[test]
fn timestamps_and_speaker_turns_follow_the_rules() {
    let v = english().vocab();
    let set = Suppression::new(v, SuppressionRules { timestamps: false, tinydiarize: true, ..rules() });
    assert!((v.beg()..v.len() as u32).all(|id| set.set(false).contains(id)));
    assert!(!set.set(false).contains(v.solm()));
    assert!(set.set(false).contains(v.prev()));
}

#[test]
fn a_pattern_forbids_the_tokens_that_it_covers_whole() {
    let v = english().vocab();
    let pattern = SuppressPattern::new("[0-9]|x").expect("pattern");
    let set = Suppression::new(v, SuppressionRules { pattern: Some(&pattern), ..rules() });
    let forbidden: Vec<u32> = set.set(false).iter().filter(|&id| !v.is_special(id)).collect();
    let mut expected = bytewise(b"0123456789x");
    expected.sort_unstable();
    assert_eq!(forbidden, expected);
}

#[test]
fn non_speech_is_forbidden_when_asked() {
    let v = english().vocab();
    let set = Suppression::new(v, SuppressionRules { non_speech: true, ..rules() });
    let forbidden = |id: &u32| set.set(false).contains(*id);
    assert!(bytewise(b"\"#()*+/:;<=>@[\\]^_`{|}~").iter().all(forbidden));
    assert!(!bytewise(b"a-'.,!?").iter().any(forbidden));
    assert!([b" -", b" '"].iter().all(|text| v.token_to_id(*text).as_ref().is_some_and(forbidden)));
}

proptest! {
    #[test]
    fn a_token_set_is_a_set(len in 0usize..300, ops in prop::collection::vec((any::<bool>(), 0u32..320), 0..60)) {
        let mut set = TokenSet::new(len);
        let mut model = std::collections::BTreeSet::new();
        for (insert, id) in ops {
            if insert {
                set.insert(id);
                if (id as usize) < len { model.insert(id); }
            } else {
                set.remove(id);
                model.remove(&id);
            }
        }
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(set.count(), model.len());
        prop_assert!((0..400).all(|id| set.contains(id) == model.contains(&id)));
        let mut logits = vec![0.0f32; len / 2];
        set.apply(&mut logits);
        prop_assert!(logits.iter().enumerate().all(|(i, x)| x.is_infinite() == model.contains(&(i as u32))));
    }
}
