//! What Whisper writes when nobody speaks: ends of videos and credits of subtitles, which it has learnt from.

use crate::normalize::BasicNormalizer;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Phrases and how often Whisper wrote them to sounds without speech. Source and licence: `data/README.md`.
const TABLE: &str = include_str!("../../data/whisper-inventions.tsv");

/// Inventions if they are all that there is: people do say some of them.
static ALONE: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| TABLE.lines().filter_map(|line| line.split_once('\t')).map(|(phrase, _)| phrase).collect());

/// Inventions wherever they stand, since hardly anybody says them. The English ones are in the table too; the others
/// are what users of Whisper and of programs around it report, among them the discussion openai/whisper#928 and the
/// issues amicalhq/amical#71, EdF2021/ithaka#96 and PocketShell-io/pocketshell#452.
const ANYWHERE: [&str; 22] = [
    "thanks for watching",
    "thank you for watching",
    "subtitles by the amara org community",
    "untertitel der amara org community",
    "untertitel im auftrag des zdf",
    "untertitelung des zdf",
    "sous titres réalisés par la communauté d amara org",
    "sous titrage société radio canada",
    "sous titrage st 501",
    "subtítulos realizados por la comunidad de amara org",
    "sottotitoli creati dalla comunità amara org",
    "sottotitoli e revisione a cura di qtss",
    "legendas pela comunidade amara org",
    "ondertitels ingediend door de amara org gemeenschap",
    "napisy stworzone przez społeczność amara org",
    "субтитры сделал dimatorzok",
    "субтитры создавал dimatorzok",
    "ご視聴ありがとうございました",
    "시청해주셔서 감사합니다",
    "字幕由amara org社区提供",
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "ترجمة نانسي قنقر",
];

/// The known phrase that `text` has and `reference`, where there is one, has not.
pub(super) fn invention(text: &str, reference: Option<&str>) -> Option<&'static str> {
    let plain = |text: &str| format!(" {} ", BasicNormalizer::default().normalize(text).trim());
    let (text, reference) = (plain(text), reference.map(plain));
    let said = |phrase: &str| reference.as_ref().is_some_and(|reference| reference.contains(phrase));
    let anywhere = ANYWHERE.into_iter().filter(|phrase| text.contains(phrase) && !said(phrase));
    let alone = ALONE.get(text.trim()).copied().filter(|_| !said(&text));
    anywhere.chain(alone).next()
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    ANYWHERE.into_iter().chain(ALONE.iter().copied())
}
