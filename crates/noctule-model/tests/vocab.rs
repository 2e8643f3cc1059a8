//! Ids of special tokens against the published tables, and texts found by their bytes.

use noctule_model::synthetic::{self, Kind};
use noctule_model::{ErrorKind, Vocab};

fn vocab(kind: Kind) -> Vocab {
    synthetic::header(kind.hparams()).unwrap().vocab
}

#[test]
fn special_ids_are_those_of_openai() {
    // eot, sot, English, last language, translate, transcribe, solm, prev, nosp, not, beg.
    let cases = [
        (Kind::En, [50256, 50257, 50258, 50356, 50357, 50358, 50359, 50360, 50361, 50362, 50363]),
        (Kind::Multilingual, [50257, 50258, 50259, 50357, 50358, 50359, 50360, 50361, 50362, 50363, 50364]),
        (Kind::V3, [50257, 50258, 50259, 50358, 50359, 50360, 50361, 50362, 50363, 50364, 50365]),
    ];
    for (kind, ids) in cases {
        let v = vocab(kind);
        let last = v.language(v.num_languages() - 1);
        let found = [
            v.eot(),
            v.sot(),
            v.language(0),
            last,
            v.translate(),
            v.transcribe(),
            v.solm(),
            v.prev(),
            v.nosp(),
            v.not_(),
            v.beg(),
        ];
        assert_eq!(found, ids, "{}", kind.name());
        assert_eq!(v.num_timestamps(), 1501);
        assert_eq!(v.len(), kind.hparams().n_vocab);
        assert_eq!(v.n_text() as u32, v.eot());
        assert_eq!(v.get_language(v.num_languages()), None);
        assert!(v.is_special(v.eot()) && !v.is_special(v.eot() - 1));
        assert!(v.is_timestamp(v.beg()) && !v.is_timestamp(v.beg() - 1));
        assert_eq!(v.is_multilingual(), kind != Kind::En);
    }
    assert_eq!((vocab(Kind::Multilingual).num_languages(), vocab(Kind::V3).num_languages()), (99, 100));
}

#[test]
fn tokens_that_the_file_does_not_list_have_names() {
    let v = vocab(Kind::V3);
    let name = |id| String::from_utf8_lossy(v.token(id)).into_owned();
    assert_eq!(name(v.eot()), "[_EOT_]");
    assert_eq!(name(v.sot()), "[_SOT_]");
    assert_eq!(name(v.language(3)), "[_LANG_3]");
    assert_eq!(name(v.transcribe()), "[_TRANSCRIBE_]");
    assert_eq!(name(v.not_()), "[_NOT_]");
    assert_eq!(name(v.beg()), "[_BEG_]");
    assert_eq!(name(v.beg() + 1500), "[_TT_1500]");
    assert_eq!(name(v.beg() + 1501), "", "past the vocabulary");
    assert_eq!(name(u32::MAX), "");
}

#[test]
fn texts_lead_to_their_ids_and_never_to_special_ones() {
    let v = vocab(Kind::Multilingual);
    for id in (0..v.n_text() as u32).step_by(101) {
        assert_eq!(v.token_to_id(v.token(id)), Some(id));
    }
    for id in [v.eot(), v.sot(), v.beg(), v.beg() + 7] {
        assert_eq!(v.token_to_id(v.token(id)), None, "special {id}");
    }
    assert_eq!(v.token_to_id(b""), None);
    assert_eq!(v.token_to_id(b" 50257"), None);
    assert_eq!(v.token_to_id(b"\xff\xff"), None);
}

#[test]
fn of_duplicates_the_last_counts() {
    let hparams = Kind::En.hparams();
    let tokens = (0..50256).map(|i| if i % 2 == 0 { "even".to_string() } else { format!(" {i}") });
    let tokens: Vec<String> = tokens.collect();
    let v = Vocab::from_tokens(&hparams, tokens.iter().map(String::as_bytes)).unwrap();
    assert_eq!(v.token_to_id(b"even"), Some(50254));
    assert_eq!(v.n_in_file(), 50256);
}

#[test]
fn too_few_and_too_many_tokens_are_refused() {
    let hparams = Kind::En.hparams();
    let make = |n| Vocab::from_tokens(&hparams, std::iter::repeat_n(b"x".as_slice(), n));
    for (n, fits) in [(0, false), (50255, false), (50256, true), (51864, true), (51865, false)] {
        match make(n) {
            Ok(v) => assert!(fits && v.len() == 51864),
            Err(kind) => assert!(!fits && matches!(kind, ErrorKind::Vocabulary { .. }), "{n}: {kind}"),
        }
    }
    let long = vec![b'x'; 1025];
    assert!(Vocab::from_tokens(&hparams, std::iter::repeat_n(long.as_slice(), 50256)).is_err());
}

#[test]
fn a_damaged_vocabulary_is_noted() {
    let mut header = synthetic::header(Kind::En.hparams()).unwrap();
    let tokens: Vec<String> = (0..50256).map(|i| format!("{i}{}", if i < 1107 { "\u{fffd}" } else { "" })).collect();
    header.vocab = Vocab::from_tokens(&header.hparams, tokens.iter().map(String::as_bytes)).unwrap();
    let bytes = synthetic::model(&header, noctule_kernels::block::GgmlType::F16, 1).unwrap();
    let model = noctule_model::Model::from_vec("old", bytes).unwrap();
    assert!(model.notes()[0].starts_with("1107 tokens"), "{:?}", model.notes());
}
