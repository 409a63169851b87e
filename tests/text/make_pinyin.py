#!/usr/bin/env python3
"""Writes pinyin.tsv, what the package pypinyin makes of phrases: .venv/bin/python tests/text/make_pinyin.py > tests/text/pinyin.tsv

Columns: text; then initial|final of each character in three styles: strict with v and 5; not strict with v and 5; strict with ü
and no number for the neutral tone. One character for every syllable of the standard, and phrases with polyphones and neutral tones.
"""
import pypinyin
from pypinyin import Style, pinyin
from pypinyin.constants import PINYIN_DICT

PHRASES = """你好 中国 银行 行长 长大 长城 音乐 快乐 重庆 重要 重复 觉得 睡觉 都市 都是 了解 走了 为了 因为 认为 还有 归还 得到 跑得快 觉得
着急 看着 着火 着陆 地方 慢慢地 土地 好的 目的 的确 妈妈 爸爸 先生 学生 东西 东南西北 知道 时候 什么 怎么 我们 他们 朋友 喜欢 漂亮 便宜 方便
大夫 大人 参加 人参 差不多 出差 参差 朝阳 朝代 处理 到处 答应 回答 当然 上当 倒下 倒水 发现 头发 干净 干部 更加 更新 观点 道观 和平
暖和 附和 几乎 几个 假期 真假 将来 将军 教书 教室 结果 结实 尽管 尽力 看见 看守 可恶 恶心 凶恶 落后 落下 没有 沉没 难过 灾难 宁静 宁可
强大 勉强 切开 一切 曲折 歌曲 少数 少年 省市 反省 数学 数数 似乎 似的 挑选 挑战 调查 空调 吐痰 呕吐 兴趣 高兴 血液 流血 应该 反应 与其
参与 载重 记载 正月 正确 只有 一只 中间 中奖 转变 转动 种子 种地 作业 作坊 绿色 女儿 旅行 律师 战略 虐待 雪花 学习 军队 居住 需要
去年 全部 群众 云南 月亮 远方 愿意 用功 有用 优秀 牛奶 六月 酒店 球场 秋天 休息 对不起 回家 水果 贵人 岁月 归来 推开 最后 嘴巴 吹风
轮船 春天 论文 困难 顺利 润滑 村庄 孙子 尊敬 文化 问题 温度 翁婿 嗡嗡 我国 外国 弯曲 往来 五月 屋里 一二三 银河 英雄 影响 月饼 应用 鱼儿
哪儿 这儿 儿子 耳朵 二月 而且 鹅毛 安全 昂贵 爱情 欧洲 恩情 俄国 额头 啊 哦 诶 嗯 哎呀 哟 曾经 增加 生活 声音 城市 称呼 称心 正常""".split()


def one(text, strict, v_to_u, five):
    initials = pinyin(text, style=Style.INITIALS, strict=strict)
    finals = pinyin(text, style=Style.FINALS_TONE3, strict=strict, v_to_u=v_to_u, neutral_tone_with_five=five)
    return " ".join(f"{i[0]}|{f[0]}" for i, f in zip(initials, finals))


def syllables():
    """The commonest-looking character (lowest code point of the basic block) of every toneless syllable."""
    seen = {}
    for code in range(0x4E00, 0x9FA6):
        if code in PINYIN_DICT:
            plain = pinyin(chr(code), style=Style.NORMAL)[0][0]
            seen.setdefault(plain, chr(code))
    return [seen[key] for key in sorted(seen)]


print(f"# pypinyin {pypinyin.__version__}, by make_pinyin.py: text; strict v 5; not strict v 5; strict ü, neutral tone without a number")
texts = dict.fromkeys(PHRASES)
letters = syllables()
texts.update(dict.fromkeys("".join(letters[i:i + 1]) for i in range(len(letters))))
for text in texts:
    print(text, one(text, True, False, True), one(text, False, False, True), one(text, True, True, False), sep="\t")
