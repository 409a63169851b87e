#include "text/probe_clauses.h"

// Written for this purpose: common words, names, numbers, abbreviations, clusters and the letters a language owns.
namespace timbre::text {
namespace {

constexpr std::string_view kEnglish[] = {
    "the kettle boils before the guests arrive", "Mr. Alder owes me $12.50", "thirty-three thick thistles grow by the path",
    "who left the window open?", "I read the letter you will read tomorrow", "the ship sails at 7:45 pm",
    "her voice was low and her laugh was loud", "we measured 3.75 metres of rope", "the choir sang through the thunder",
    "Dr. Voss treats horses and mules", "nobody knew why the bridge shook", "that orange is the 21st one today",
    "a judge chose the fudge", "the queue outside grew longer", "it's colder than it was in 1987",
    "the colonel's yacht drifted away", "don't touch the wet paint!", "pleasure and leisure rarely measure alike",
    "the U.S. team won by two points", "he thought, though, that it was enough", "a rough cough kept the boy awake",
    "the first of May is a holiday", "she sells about 1,200 candles a year", "the museum opens at noon",
    "our neighbours' dog barks all night", "the recipe calls for half a cup of yogurt", "what's the weather like in Reykjavik?",
    "the archive burned in 2004", "they live near the old quarry", "strange, strong strings stretched straight",
    "call 555-0142 after lunch", "the present was presented late", "the knight knelt on the icy knoll",
    "Zoe's giraffe chews gum", "a subtle debt is still a debt", "please record the record",
    "the physicist photographed a pheasant", "the wind will wind the clock", "my aunt can't swim", "100% of the seats were sold",
    "the vision was vague", "put the book beneath the bush", "the oil boiled in the coil", "there are eight grey geese",
    "our hour is over", "the singer's finger lingered", "Wednesday's lecture is on e.g. volcanoes", "the author adores azure skies",
    "twelve months from now", "good-bye, Jonathan"};

constexpr std::string_view kSpanish[] = {
    "el panadero abre a las seis", "¿dónde guardaste las llaves?", "la niña pequeña dibuja un pingüino", "cuesta 3,50 euros",
    "mi hermano vive en Guadalajara", "llueve mucho en octubre", "el cigüeñal del coche se rompió", "¡qué sorpresa tan agradable!",
    "hay 1200 sillas vacías", "el zorro cruza el arroyo", "la Sra. Ibáñez llegó tarde", "ayer leí un libro de historia",
    "el jefe bajó del autobús", "compramos queso y aceitunas", "el reloj marca las 10:30", "tu perro ladra cada noche",
    "la guitarra suena bien", "viajamos en el año 1998", "no sé si vendrá mañana", "el agua está fría",
    "los árboles crecen despacio", "el rey y la reina saludaron", "hicimos un examen difícil", "el muchacho corrió hacia la calle",
    "quiero un vaso de leche", "la ventana da al jardín", "subió el 25% del precio", "el médico escribe rápido",
    "la lluvia moja los geranios", "Javier estudia química", "el tren número 7 sale ya", "ellos jugaban al ajedrez",
    "la montaña estaba nevada", "el ejército cruzó la frontera", "busca un trabajo mejor", "el tercer día descansamos",
    "ningún vecino oyó el ruido", "la excursión fue larga", "pon la mesa, por favor", "el ácido quema la piel"};

constexpr std::string_view kFrench[] = {
    "le boulanger ouvre à six heures", "où as-tu mis les clés ?", "les enfants mangent une orange", "cela coûte 3,50 euros",
    "mon frère habite à Besançon", "il pleut souvent en août", "le garçon a reçu un cadeau", "quelle belle surprise !",
    "il y a 1200 chaises vides", "le renard traverse le ruisseau", "Mme Lefèvre est arrivée tard", "j'ai lu un livre d'histoire",
    "le chef descend de l'autobus", "nous achetons du fromage", "la montre indique 10 heures 30", "ton chien aboie chaque nuit",
    "la guitare sonne bien", "nous avons voyagé en 1998", "je ne sais pas s'il viendra", "l'eau est très froide",
    "les arbres poussent lentement", "un bon vin blanc", "l'œuf est dans le nid", "aujourd'hui c'est mercredi",
    "elle veut un verre de lait", "la fenêtre donne sur le jardin", "le prix a monté de 25 %", "le médecin écrit vite",
    "les hiboux dorment le jour", "Guillaume étudie la chimie", "le train numéro 7 part", "ils jouaient aux échecs",
    "la montagne était enneigée", "quatre-vingt-dix-neuf moutons", "cherche un meilleur travail", "le troisième jour, repos",
    "aucun voisin n'a entendu", "l'excursion fut longue", "mets la table, s'il te plaît", "le soleil se couche là-bas"};

constexpr std::string_view kItalian[] = {
    "il fornaio apre alle sei", "dove hai messo le chiavi?", "la bambina disegna un pinguino", "costa 3,50 euro",
    "mio fratello vive a Perugia", "piove molto in ottobre", "gli gnocchi sono pronti", "che bella sorpresa!",
    "ci sono 1200 sedie vuote", "la volpe attraversa il ruscello", "la sig.ra Bianchi è in ritardo", "ieri ho letto un libro",
    "il capo scese dall'autobus", "compriamo formaggio e olive", "l'orologio segna le 10 e 30", "il tuo cane abbaia ogni notte",
    "la chitarra suona bene", "viaggiammo nel 1998", "non so se verrà domani", "l'acqua è fredda",
    "gli alberi crescono piano", "il re e la regina salutano", "un esame difficile", "il ragazzo corse in piazza",
    "vorrei un bicchiere di latte", "la finestra dà sul giardino", "il prezzo è salito del 25%", "il medico scrive in fretta",
    "la pioggia bagna i gerani", "Giuseppe studia chimica", "il treno numero 7 parte", "giocavano a scacchi",
    "la montagna era innevata", "lo zio scia sul ghiacciaio", "cerca un lavoro migliore", "il terzo giorno riposammo",
    "nessun vicino ha sentito", "la gita fu lunga", "apparecchia, per favore", "lo sciopero finì giovedì"};

constexpr std::string_view kGerman[] = {
    "der Bäcker öffnet um sechs Uhr", "wo hast du die Schlüssel hingelegt?", "das Mädchen zeichnet einen Pinguin", "das kostet 3,50 Euro",
    "mein Bruder wohnt in Würzburg", "im Oktober regnet es oft", "die Brücke wurde 1998 gebaut", "was für eine Überraschung!",
    "es gibt 1200 leere Stühle", "der Fuchs springt über den Bach", "Dr. Schäfer kam zu spät", "gestern las ich ein Buch",
    "der Chef stieg aus dem Bus", "wir kaufen Käse und Oliven", "die Uhr zeigt halb elf", "dein Hund bellt jede Nacht",
    "die Gitarre klingt gut", "ich weiß nicht, ob er kommt", "das Wasser ist eiskalt", "die Bäume wachsen langsam",
    "zwölf Boxkämpfer jagen Viktor", "der König grüßte das Volk", "eine schwierige Prüfung", "der Junge rannte auf die Straße",
    "ich möchte ein Glas Milch", "das Fenster geht zum Garten", "der Preis stieg um 25 %", "der Arzt schreibt schnell",
    "der Regen näßt die Geranien", "Jörg studiert Chemie", "der Zug Nr. 7 fährt ab", "sie spielten lange Schach",
    "der Berg war verschneit", "Pfeffer und Pflaumen", "such dir bessere Arbeit", "am dritten Tag ruhten wir",
    "kein Nachbar hörte den Lärm", "der Ausflug war lang", "deck bitte den Tisch", "das Röntgenbild zeigte nichts"};

constexpr std::string_view kRussian[] = {
    "пекарь открывает в шесть часов", "куда ты положил ключи?", "девочка рисует пингвина", "это стоит 350 рублей",
    "мой брат живёт в Ярославле", "в октябре часто идёт дождь", "мост построили в 1998 году", "какой приятный сюрприз!",
    "здесь 1200 пустых стульев", "лиса переходит ручей", "доктор Щербаков опоздал", "вчера я читал книгу",
    "начальник вышел из автобуса", "мы купили сыр и хлеб", "часы показывают половину", "твоя собака лает всю ночь",
    "гитара хорошо звучит", "не знаю, придёт ли он", "вода очень холодная", "деревья растут медленно",
    "съешь ещё этих булок", "король приветствовал народ", "трудный экзамен позади", "мальчик выбежал на улицу",
    "хочу стакан молока", "окно выходит в сад", "цена выросла на 25%", "врач пишет быстро",
    "жёлтые цветы у крыльца", "Юрий изучает химию", "поезд номер 7 отходит", "они долго играли в шахматы",
    "гора была покрыта снегом", "объявление висит на двери", "ищи работу получше", "на третий день отдыхали",
    "никто не слышал шума", "прогулка была долгой", "накрой, пожалуйста, на стол", "подъезд закрыт на ключ"};

constexpr std::string_view kChinese[] = {
    "面包店六点开门", "你把钥匙放在哪儿了？", "小女孩在画企鹅", "这个要三块五毛钱", "我哥哥住在重庆", "十月常常下雨",
    "这座桥是去年修的", "真是个好消息！", "还有很多空椅子", "狐狸跑过小河", "王医生来晚了", "昨天我看了一本书",
    "经理下了公共汽车", "我们买了苹果和绿茶", "现在是十点半", "你的狗每天夜里叫", "吉他的声音很好听", "不知道他来不来",
    "水太凉了", "树长得很慢", "国王向人们招手", "考试并不容易", "男孩跑到街上", "我要一杯牛奶",
    "窗户对着花园", "价钱涨了一些", "大夫写字很快", "雨把花打湿了", "他在大学学化学", "七号火车要开了",
    "他们下了一晚上棋", "山上都是雪", "银行行长很忙", "找个好一点的工作", "第三天我们休息", "邻居没有听见",
    "路很长", "请把桌子摆好", "女儿喜欢绿色", "长城很长，也很旧"};

constexpr std::string_view kAny[] = {
    "ana maria canta", "bela domo sur la monto", "la luna", "un fuego lento", "moja kawa", "kala ja vesi", "dobra voda",
    "en liten fisk", "het grote huis", "o rato roeu", "bir iki", "dom i drzewo", "mamma mia", "pan y vino", "sol och vind", "tri ribe",
    "velika kuca", "zeleni list", "rumah besar", "kopi dan teh", "nova estrada", "porta aberta", "hus og hav", "jeg ser deg",
    "kedi su icer", "mavi deniz", "terra e mare", "vento forte", "ruda jabuka", "sen e salt", "tata malo", "ulica nova",
    "vier vijf zes", "wit brood", "xilo tono", "yaya bana", "zora rana", "alta torre", "berg en dal", "casa clara"};

}  // namespace

std::span<const ProbeClauses> probe_clauses() {
  static const ProbeClauses kAll[] = {{"en", kEnglish}, {"es", kSpanish}, {"fr", kFrench}, {"it", kItalian},
                                      {"de", kGerman},  {"ru", kRussian}, {"zh", kChinese}, {"", kAny}};
  return kAll;
}

}  // namespace timbre::text
