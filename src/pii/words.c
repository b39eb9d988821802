/* One sorted list of words, in ASCII small letters: the frequent ones of a few languages, by no means all. Who looks up asks for a
 * share of a column, not for each value. Words are cut at 15 bytes, so that a row has 16 and two comparisons of eight bytes
 * find it; what is looked up loses its accents first (é is e, ł is l). */
#include "pii/pii_internal.h"

#include <endian.h>

enum { G = PII_GIVEN_NAME, S = PII_SURNAME, T = PII_TITLE, C = PII_COMPANY, R = PII_STREET, M = PII_MEDICAL };
enum { WORDS_BYTES = 15, WORDS_FOLDED = 48 };

/* clang-format off */
static const struct words_row {
    char text[WORDS_BYTES]; /* not ended when it is full */
    uint8_t lists;
} words_rows[] = {
    {"aaron", G}, {"ab", C}, {"abdullah", G}, {"abigail", G}, {"academy", C}, {"acetaminophen", M}, {"acne", M},
    {"acute", M}, {"acyclovir", M}, {"adam", G}, {"adams", S}, {"adhd", M}, {"aditya", G}, {"adrian", G},
    {"adriana", G}, {"adrien", G}, {"ag", C}, {"agarwal", S}, {"agathe", G}, {"agnes", G}, {"agnieszka", G},
    {"aguilar", S}, {"ahmed", G | S}, {"aids", M}, {"aisha", G}, {"aishwarya", G}, {"akira", G}, {"al", R},
    {"alain", G}, {"alameda", R}, {"alan", G}, {"alba", G}, {"albert", G}, {"alberto", G}, {"albrecht", S},
    {"albuterol", M}, {"aldo", G}, {"aleja", R}, {"alejandra", G}, {"alejandro", G}, {"aleksandra", G}, {"aleksey", G},
    {"alendronate", M}, {"alessandro", G}, {"alessia", G}, {"alex", G}, {"alexander", G | S}, {"alexandre", G},
    {"alexei", G}, {"alexis", G}, {"alfie", G}, {"ali", G}, {"alice", G}, {"alicja", G}, {"aline", G}, {"allee", R},
    {"allen", S}, {"allergic", M}, {"allergy", M}, {"alley", R}, {"allison", G}, {"allopurinol", M}, {"almeida", S},
    {"alonso", S}, {"alvarado", S}, {"alvarez", S}, {"alvaro", G}, {"alves", S}, {"aly", R}, {"alyssa", G},
    {"alzheimer", M}, {"amanda", G}, {"amato", S}, {"amber", G}, {"amina", G}, {"amit", G}, {"amitriptyline", M},
    {"amlodipine", M}, {"amoxicillin", M}, {"amphetamine", M}, {"ampicillin", M}, {"amy", G}, {"ana", G},
    {"anaemia", M}, {"anamie", M}, {"ananya", G}, {"anaphylaxis", M}, {"anastasia", G}, {"and", C}, {"anders", G},
    {"andersen", S}, {"anderson", S}, {"andersson", S}, {"andre", G | S}, {"andrea", G}, {"andreas", G}, {"andres", G},
    {"andrew", G}, {"andrews", S}, {"andrey", G}, {"andrzej", G}, {"anemia", M}, {"anex", R}, {"angel", G},
    {"angela", G}, {"angelika", G}, {"angelo", G}, {"angina", M}, {"anil", G}, {"anita", G}, {"anja", G},
    {"anjali", G}, {"ann", G}, {"anna", G}, {"anne", G}, {"anneli", G}, {"anneliese", G}, {"annex", R}, {"anouk", G},
    {"anthony", G}, {"antoine", G}, {"antonella", G}, {"antonia", G}, {"antonio", G}, {"antti", G}, {"anxiety", M},
    {"aoi", G}, {"aoife", G}, {"appendicitis", M}, {"april", G}, {"aps", C}, {"apt", R}, {"araujo", S}, {"arc", R},
    {"arcade", R}, {"archie", G}, {"arias", S}, {"aripiprazole", M}, {"arjun", G}, {"armstrong", S}, {"arnold", S},
    {"arrhythmia", M}, {"arslan", S}, {"arthrose", M}, {"arthur", G}, {"arun", G}, {"as", C}, {"ashley", G},
    {"ashok", G}, {"aspirin", M}, {"associates", C}, {"asthma", M}, {"astrid", G}, {"atkinson", S},
    {"atorvastatin", M}, {"audrey", G}, {"aurelie", G}, {"aurora", G}, {"austin", G}, {"autism", M}, {"av", R},
    {"avda", R}, {"ave", R}, {"avenida", R}, {"avenue", R}, {"avery", G}, {"avn", R}, {"axel", G}, {"aydin", S},
    {"ayhan", G}, {"ayse", G}, {"azevedo", S}, {"baan", R}, {"bailey", S}, {"baker", S}, {"bakker", S},
    {"banerjee", S}, {"bank", C}, {"barbara", G}, {"barbieri", S}, {"barbosa", S}, {"barker", S}, {"barnes", S},
    {"bart", G}, {"bauer", S}, {"baumann", S}, {"bayou", R}, {"beach", R}, {"beata", G}, {"beatrice", G},
    {"beatriz", G}, {"beck", S}, {"becker", S}, {"belinda", G}, {"bell", S}, {"bend", R}, {"bengtsson", S},
    {"benitez", S}, {"benjamin", G}, {"bennett", S}, {"berg", S}, {"berger", S}, {"bergmann", S}, {"bernard", G | S},
    {"bernardo", G}, {"bernd", G}, {"berry", S}, {"bertrand", S}, {"bethany", G}, {"bettina", G}, {"betty", G},
    {"bevan", S}, {"beverly", G}, {"bianca", G}, {"bianchi", S}, {"bianco", S}, {"bilal", G}, {"billy", G},
    {"bipolar", M}, {"birgit", G}, {"birgitta", G}, {"bjorn", G}, {"black", S}, {"blanc", S}, {"blanco", S},
    {"bluff", R}, {"bluffs", R}, {"bluthochdruck", M}, {"blvd", R}, {"bobby", G}, {"bohm", S}, {"bonnet", S},
    {"bonnie", G}, {"borgo", R}, {"boris", G}, {"bos", S}, {"bose", S}, {"bottom", R}, {"boul", R}, {"boulevard", R},
    {"boyd", S}, {"boyer", S}, {"bradley", G | S}, {"bram", G}, {"branch", R}, {"brandon", G}, {"brandt", S},
    {"braun", S}, {"bravo", S}, {"brenda", G}, {"brian", G}, {"bridge", R}, {"brigitte", G}, {"brittany", G},
    {"bronchiale", M}, {"brook", R}, {"brooks", S | R}, {"bros", C}, {"brothers", C}, {"brouwer", S}, {"brown", S},
    {"bruce", G}, {"bruna", G}, {"bruno", G | S}, {"bryan", G}, {"bryant", S}, {"budesonide", M}, {"buprenorphine", M},
    {"bupropion", M}, {"burak", G}, {"burg", R}, {"burns", S}, {"busch", S}, {"butler", S}, {"bv", C}, {"bypass", R},
    {"byrne", S}, {"caballero", S}, {"cabrera", S}, {"cafe", C}, {"caio", G}, {"caleb", G}, {"calle", R},
    {"callejon", R}, {"calvin", G}, {"calvo", S}, {"cameron", G}, {"camila", G}, {"camille", G}, {"camino", R},
    {"camp", R}, {"campbell", S}, {"campos", S}, {"can", G}, {"canale", R}, {"cancer", M}, {"cano", S}, {"canyon", R},
    {"cape", R}, {"carbamazepine", M}, {"carcinoma", M}, {"cardiomyopathy", M}, {"cardoso", S}, {"carl", G},
    {"carla", G}, {"carlo", G}, {"carlos", G}, {"carmela", G}, {"carmen", G}, {"carmona", S}, {"carol", G},
    {"carolyn", G}, {"carpenter", S}, {"carrasco", S}, {"carrer", R}, {"carretera", R}, {"carroll", S}, {"carter", S},
    {"caruso", S}, {"carvalho", S}, {"casey", G}, {"cassandra", G}, {"castillo", S}, {"castro", S}, {"cataract", M},
    {"caterina", G}, {"catherine", G}, {"cattaneo", S}, {"causeway", R}, {"cavalcanti", S}, {"cecile", G},
    {"celiac", M}, {"celik", S}, {"celine", G}, {"cem", G}, {"center", R}, {"centers", R}, {"cephalexin", M},
    {"cesar", G}, {"cetirizine", M}, {"chad", G}, {"chapman", S}, {"charles", G}, {"charlie", G}, {"charlotte", G},
    {"chatterjee", S}, {"chavez", S}, {"chelsea", G}, {"chemin", R}, {"chen", S}, {"cheryl", G}, {"chevalier", S},
    {"chiara", G}, {"chickenpox", M}, {"chlamydia", M}, {"chloe", G}, {"cho", S}, {"choi", S}, {"christensen", S},
    {"christian", G}, {"christina", G}, {"christine", G}, {"christoph", G}, {"christopher", G}, {"chronic", M},
    {"church", C}, {"ciaran", G}, {"cie", C}, {"ciprofloxacin", M}, {"cir", R}, {"circle", R}, {"circles", R},
    {"cirrhosis", M}, {"cisplatin", M}, {"clarence", G}, {"clark", S}, {"claude", G}, {"claudia", G}, {"claudio", G},
    {"clayton", G}, {"clemence", G}, {"clement", S}, {"cliff", R}, {"clifford", G}, {"cliffs", R}, {"clindamycin", M},
    {"clinic", C}, {"clinton", G}, {"clive", G}, {"clonidine", M}, {"clopidogrel", M}, {"clozapine", M}, {"club", R},
    {"co", C}, {"codeine", M}, {"cody", G}, {"colchicine", M}, {"cole", S}, {"coleman", S}, {"colin", G},
    {"colitis", M}, {"colleen", G}, {"collins", S}, {"colombo", S}, {"common", R}, {"commons", R}, {"company", C},
    {"concussion", M}, {"condominio", R}, {"conjunctivitis", M}, {"conjunto", R}, {"connie", G}, {"conor", G},
    {"consuelo", G}, {"consulting", C}, {"conte", S}, {"conti", S}, {"contrada", R}, {"contreras", S}, {"cook", S},
    {"cooper", S}, {"copd", M}, {"coppola", S}, {"corey", G}, {"cornelia", G}, {"cornelis", G}, {"corner", R},
    {"corners", R}, {"corp", C}, {"corporation", C}, {"correia", S}, {"corso", R}, {"cortes", S}, {"costa", S},
    {"cours", R}, {"course", R}, {"court", R}, {"courtney", G}, {"courts", R}, {"cove", R}, {"coves", R}, {"covid", M},
    {"cox", S}, {"craig", G}, {"crawford", S}, {"creek", R}, {"cres", R}, {"crescent", R}, {"crespo", S}, {"crest", R},
    {"cristian", G}, {"cristina", G}, {"crohn", M}, {"crossing", R}, {"crossroad", R}, {"cruz", S}, {"crystal", G},
    {"ct", R}, {"cuesta", R}, {"cunha", S}, {"cunningham", S}, {"curry", S}, {"curtis", G}, {"curve", R},
    {"cyclophosphamid", M}, {"cynthia", G}, {"daan", G}, {"dabrowski", S}, {"daisy", G}, {"dakota", G},
    {"dale", G | R}, {"dam", R}, {"dame", T}, {"damico", S}, {"damm", R}, {"damon", G}, {"daniel", G}, {"daniela", G},
    {"danielle", G}, {"daniels", S}, {"danuta", G}, {"dariusz", G}, {"darrell", G}, {"darren", G}, {"darryl", G},
    {"das", S}, {"davi", G}, {"david", G | S}, {"davide", G}, {"davies", S}, {"davis", S}, {"dawn", G}, {"dawson", S},
    {"dds", T}, {"deborah", G}, {"debra", G}, {"deepak", G}, {"dekker", S}, {"delgado", S}, {"deluca", S},
    {"dementia", M}, {"demir", S}, {"denis", S}, {"denise", G}, {"deniz", G}, {"dennis", G}, {"depression", M},
    {"depressive", M}, {"derek", G}, {"desai", S}, {"desantis", S}, {"desiree", G}, {"dexamethasone", M}, {"dhr", T},
    {"diabete", M}, {"diabetes", M}, {"dialysis", M}, {"diana", G}, {"diane", G}, {"dias", S}, {"diaz", S},
    {"diclofenac", M}, {"diego", G}, {"dieter", G}, {"dietrich", S}, {"diez", S}, {"digoxin", M}, {"dijk", S},
    {"dijkstra", S}, {"diltiazem", M}, {"dinesh", G}, {"dipl", T}, {"dirk", G}, {"disease", M}, {"disorder", M},
    {"distrito", R}, {"divide", R}, {"divya", G}, {"dixon", S}, {"dmitri", G}, {"dmitry", G}, {"dogan", S},
    {"doherty", S}, {"dolores", G}, {"domenico", G}, {"dominguez", S}, {"dominique", G}, {"don", T}, {"dona", T},
    {"donald", G}, {"donna", G}, {"doris", G}, {"dorota", G}, {"dorothy", G}, {"dott", T}, {"dottssa", T},
    {"douglas", G}, {"doxorubicin", M}, {"doxycycline", M}, {"doyle", S}, {"dr", T | R}, {"dreef", R}, {"drew", G},
    {"drive", R}, {"drives", R}, {"drs", T}, {"duane", G}, {"dubois", S}, {"dufour", S}, {"duloxetine", M},
    {"dumont", S}, {"duncan", S}, {"dunn", S}, {"dupont", S}, {"duran", S}, {"durand", S}, {"dustin", G}, {"duval", S},
    {"dvm", T}, {"dwayne", G}, {"dylan", G}, {"dyslipidemia", M}, {"earl", G}, {"ebba", G}, {"ebony", G},
    {"eczema", M}, {"eddie", G}, {"edgar", G}, {"edhitha", G}, {"edoardo", G}, {"eduardo", G}, {"edward", G},
    {"edwards", S}, {"edwin", G}, {"ekaterina", G}, {"elementary", C}, {"elena", G}, {"eleonora", G}, {"elif", G},
    {"elijah", G}, {"elisa", G}, {"elisabet", G}, {"elisabeth", G}, {"elizabeth", G}, {"elke", G}, {"elliott", S},
    {"ellis", S}, {"elodie", G}, {"elsa", G}, {"elsie", G}, {"elzbieta", G}, {"emanuele", G}, {"emilie", G},
    {"emilio", G}, {"emily", G}, {"emine", G}, {"emma", G}, {"emphysema", M}, {"emre", G}, {"encarnacion", G},
    {"endometriosis", M}, {"engel", S}, {"enoxaparin", M}, {"enrico", G}, {"enrique", G}, {"enterprises", C},
    {"enzo", G}, {"epilepsie", M}, {"epilepsy", M}, {"eric", G}, {"erica", G}, {"erik", G}, {"erika", G},
    {"eriksson", S}, {"erin", G}, {"ernest", G}, {"ernst", G}, {"esposito", S}, {"estate", R}, {"estates", R},
    {"esteban", S}, {"esther", G}, {"estrada", R}, {"estradiol", M}, {"et", C}, {"ethan", G}, {"eugene", G}, {"ev", C},
    {"eva", G}, {"evan", G}, {"evans", S}, {"evelyn", G}, {"evie", G}, {"ewa", G}, {"expressway", R}, {"ext", R},
    {"extension", R}, {"fabbri", S}, {"fabian", G}, {"fabio", G}, {"fall", R}, {"falls", R}, {"famotidine", M},
    {"fang", G}, {"farina", S}, {"fatima", G}, {"fatma", G}, {"faubourg", R}, {"faure", S}, {"federica", G},
    {"federico", G}, {"felicia", G}, {"felipe", G}, {"felix", G}, {"femke", G}, {"fenna", G}, {"fentanyl", M},
    {"ferguson", S}, {"fernanda", G}, {"fernandes", S}, {"fernandez", S}, {"fernando", G}, {"ferrara", S},
    {"ferrari", S}, {"ferraro", S}, {"ferreira", S}, {"ferrer", S}, {"ferri", S}, {"ferry", R}, {"fibrillation", M},
    {"field", R}, {"fields", R}, {"filip", G}, {"filippo", G}, {"finasteride", M}, {"finn", G}, {"fischer", S},
    {"fisher", S}, {"flat", R}, {"flats", R}, {"fletcher", S}, {"fleur", G}, {"florence", G}, {"flores", S},
    {"florian", G}, {"fluconazole", M}, {"fluticasone", M}, {"fontaine", S}, {"fontana", S}, {"ford", S | R},
    {"fords", R}, {"forest", R}, {"forge", R}, {"forges", R}, {"fork", R}, {"forks", R}, {"fort", R}, {"foster", S},
    {"foundation", C}, {"fournier", S}, {"fox", S}, {"fracture", M}, {"frances", G}, {"francesca", G},
    {"francesco", G}, {"francis", G}, {"francisca", G}, {"francisco", G}, {"franck", G}, {"franco", G},
    {"francois", G | S}, {"francoise", G}, {"frank", G | S}, {"franke", S}, {"franziska", G}, {"frau", T},
    {"fraulein", T}, {"fred", G}, {"freddie", G}, {"frederick", G}, {"fredrik", G}, {"freeman", S}, {"freeway", R},
    {"freitas", S}, {"freya", G}, {"friedrich", G | S}, {"fru", T}, {"fuchs", S}, {"fuentes", S}, {"furosemide", M},
    {"gabapentin", M}, {"gabriel", G}, {"gabriela", G}, {"gabriele", G}, {"gade", R}, {"galina", G}, {"gallagher", S},
    {"gallardo", S}, {"gallego", S}, {"galli", S}, {"gallo", S}, {"gao", S}, {"garcia", S}, {"garden", R},
    {"gardens", R}, {"gardner", S}, {"gareth", G}, {"garnier", S}, {"garrett", G}, {"garrido", S}, {"gary", G},
    {"garza", S}, {"gasse", R}, {"gastritis", M}, {"gastroesophagea", M}, {"gata", R}, {"gatan", R}, {"gateway", R},
    {"gatti", S}, {"gaurav", G}, {"gauthier", S}, {"gautier", S}, {"gbr", C}, {"geeta", G}, {"genevieve", G},
    {"gentile", S}, {"geoffrey", G}, {"george", G}, {"georges", G}, {"gerald", G}, {"gerard", G}, {"gerhard", G},
    {"gertrud", G}, {"gianluca", G}, {"gibson", S}, {"gijs", G}, {"gil", S}, {"gilles", G}, {"gimenez", S},
    {"gina", G}, {"ginevra", G}, {"giordano", S}, {"giorgia", G}, {"giorgio", G}, {"giovanna", G}, {"giovanni", G},
    {"girard", S}, {"gisela", G}, {"giulia", G}, {"giuseppe", G}, {"giuseppina", G}, {"glargine", M}, {"glaucoma", M},
    {"glen", G | R}, {"glenn", G}, {"glens", R}, {"glipizide", M}, {"gloria", G}, {"glorieta", R}, {"gmbh", C},
    {"goiter", M}, {"gomes", S}, {"gomez", S}, {"gonorrhea", M}, {"gonzales", S}, {"gonzalez", S}, {"gonzalo", G},
    {"gopal", G}, {"gordon", S}, {"gout", M}, {"graaf", S}, {"grabowski", S}, {"grace", G}, {"gracht", R}, {"graf", S},
    {"graham", G | S}, {"grant", S}, {"grassi", S}, {"grasso", S}, {"gray", S}, {"greco", S}, {"green", S | R},
    {"greens", R}, {"gregory", G}, {"griffin", S}, {"griffiths", S}, {"groot", S}, {"gross", S}, {"group", C},
    {"grove", R}, {"groves", R}, {"grzegorz", G}, {"guerin", S}, {"guerrero", S}, {"guillaume", G}, {"guillermo", G},
    {"gunter", G}, {"gunther", G | S}, {"guo", S}, {"gupta", S}, {"gustafsson", S}, {"gustav", G}, {"gustavo", G},
    {"gutierrez", S}, {"guy", G}, {"guzman", S}, {"gwendolyn", G}, {"haas", S}, {"hahn", S}, {"halina", G},
    {"hall", S}, {"haloperidol", M}, {"hamalainen", S}, {"hamilton", S}, {"hamza", G}, {"hannah", G}, {"hannelore", G},
    {"hans", G}, {"hansen", S}, {"hansson", S}, {"harbor", R}, {"harbors", R}, {"harish", G}, {"harold", G},
    {"harper", G}, {"harris", S}, {"harrison", S}, {"harry", G}, {"hart", S}, {"hartmann", S}, {"haruto", G},
    {"hassan", G}, {"hatice", G}, {"haven", R}, {"hawkins", S}, {"hayes", S}, {"he", S}, {"heather", G}, {"hector", G},
    {"heidi", G}, {"heights", R}, {"heike", G}, {"heikkinen", S}, {"heinrich", G | S}, {"heinz", G}, {"heitor", G},
    {"helen", G}, {"helena", G}, {"helene", G}, {"helga", G}, {"helmut", G}, {"henderson", S}, {"hendrik", G},
    {"hendriks", S}, {"henri", G}, {"henrik", G}, {"henry", G | S}, {"heparin", M}, {"hepatitis", M}, {"herbert", G},
    {"hermann", G}, {"hernandez", S}, {"hernia", M}, {"herpes", M}, {"herr", T}, {"herrera", S}, {"herrero", S},
    {"herrmann", S}, {"herzinfarkt", M}, {"hicks", S}, {"hidalgo", S}, {"highway", R}, {"hildegard", G},
    {"hill", S | R}, {"hills", R}, {"hina", G}, {"hiroshi", G}, {"hiv", M}, {"hobbs", S}, {"hodges", S}, {"hof", R},
    {"hoffman", S}, {"hofmann", S}, {"holding", C}, {"holdings", C}, {"holger", G}, {"hollow", R}, {"holly", G},
    {"holmes", S}, {"horn", S}, {"horst", G}, {"hospital", C}, {"hotel", C}, {"howard", S}, {"hr", T}, {"hu", S},
    {"huang", S}, {"huber", S}, {"hudson", S}, {"hughes", S}, {"hugo", G}, {"hui", G}, {"hunt", S}, {"hunter", G | S},
    {"hussain", S}, {"hussein", G}, {"hwy", R}, {"hydralazine", M}, {"hydrochlorothia", M}, {"hydrocodone", M},
    {"hydrocortisone", M}, {"hydroxychloroqu", M}, {"hypercholestero", M}, {"hyperglycemia", M}, {"hyperlipidemia", M},
    {"hypertension", M}, {"hyperthyroidism", M}, {"hypertonie", M}, {"hypoglycemia", M}, {"hypothyroidism", M},
    {"ian", G}, {"ibanez", S}, {"ibrahim", G}, {"ibuprofen", M}, {"iglesias", S}, {"ignacio", G}, {"igor", G},
    {"ii", T}, {"iii", T}, {"ilaria", G}, {"ilse", G}, {"imogen", G}, {"impasse", R}, {"inc", C}, {"incrocio", R},
    {"industries", C}, {"ines", G}, {"infarction", M}, {"infection", M}, {"influenza", M}, {"ing", T}, {"inge", G},
    {"ingeborg", G}, {"inger", G}, {"ingrid", G}, {"inlet", R}, {"insomnia", M}, {"institute", C}, {"insulin", M},
    {"insurance", C}, {"international", C}, {"irena", G}, {"irene", G}, {"irina", G}, {"isa", G}, {"isaac", G},
    {"isabel", G}, {"isabella", G}, {"isabelle", G}, {"isadora", G}, {"ishaan", G}, {"isla", G}, {"island", R},
    {"islands", R}, {"isle", R}, {"ito", S}, {"iv", T}, {"ivan", G}, {"ivanov", S}, {"iyer", S}, {"jack", G},
    {"jackson", S}, {"jacob", G}, {"jacqueline", G}, {"jacques", G}, {"jadwiga", G}, {"jager", S}, {"jaime", G},
    {"jakobsson", S}, {"jakub", G}, {"james", G | S}, {"jamie", G}, {"jan", G}, {"janet", G}, {"jang", S},
    {"janice", G}, {"janina", G}, {"jankowski", S}, {"jansen", S}, {"janssen", S}, {"jansson", S}, {"jardim", R},
    {"jared", G}, {"jarvis", S}, {"jasmine", G}, {"jason", G}, {"jasper", G}, {"jaundice", M}, {"javier", G},
    {"jay", G}, {"jean", G}, {"jeanne", G}, {"jeff", G}, {"jeffery", G}, {"jeffrey", G}, {"jenkins", S}, {"jenna", G},
    {"jennifer", G}, {"jens", G}, {"jensen", S}, {"jeremy", G}, {"jermaine", G}, {"jeroen", G}, {"jerry", G},
    {"jesse", G}, {"jessica", G}, {"jesus", G}, {"ji", G}, {"jill", G}, {"jim", G}, {"jimenez", S}, {"jimmy", G},
    {"jing", G}, {"joan", G}, {"joanna", G}, {"joao", G}, {"joe", G}, {"joel", G}, {"johan", G}, {"johanna", G},
    {"johannes", G}, {"johansen", S}, {"johansson", S}, {"john", G}, {"johnny", G}, {"johnson", S}, {"johnston", S},
    {"jon", G}, {"jonas", G}, {"jonathan", G}, {"jonathon", G}, {"jones", S}, {"jong", S}, {"jonsson", S},
    {"jordan", G | S}, {"jorg", G}, {"jorge", G}, {"joris", G}, {"jose", G}, {"josef", G}, {"josefa", G},
    {"joseph", G}, {"joshi", S}, {"joshua", G}, {"joyce", G}, {"jr", T}, {"juan", G}, {"juana", G}, {"judith", G},
    {"judy", G}, {"juhani", G}, {"jukka", G}, {"jules", G}, {"julia", G}, {"julian", G}, {"juliana", G}, {"julie", G},
    {"julien", G}, {"juliette", G}, {"julio", G}, {"jun", G}, {"junction", R}, {"junctions", R}, {"jung", S},
    {"jurgen", G}, {"justin", G}, {"jutta", G}, {"kabir", G}, {"kacper", G}, {"kade", R}, {"kaiser", S}, {"kamil", G},
    {"kaminski", S}, {"kang", S}, {"kapoor", S}, {"karan", G}, {"karen", G}, {"kari", G}, {"karim", G}, {"karin", G},
    {"karl", G}, {"karlsen", S}, {"karlsson", S}, {"karolina", G}, {"katarzyna", G}, {"katharina", G},
    {"katherine", G}, {"kathleen", G}, {"kathryn", G}, {"kathy", G}, {"katie", G}, {"kato", S}, {"katrin", G},
    {"katu", R}, {"kavanagh", S}, {"kavita", G}, {"kavya", G}, {"kaya", S}, {"kayla", G}, {"keith", G}, {"keller", S},
    {"kelley", S}, {"kelly", G | S}, {"kendra", G}, {"kenji", G}, {"kennedy", S}, {"kenneth", G}, {"kerstin", G},
    {"kevin", G}, {"key", R}, {"keys", R}, {"kg", C}, {"kgaa", C}, {"khadija", G}, {"khalid", G}, {"khan", S},
    {"kidney", M}, {"kilic", S}, {"kim", G | S}, {"kimberly", G}, {"king", S}, {"kirby", S}, {"kirk", G}, {"klaus", G},
    {"klein", S}, {"knight", S}, {"knoll", R}, {"knolls", R}, {"knut", G}, {"kobayashi", S}, {"koch", S}, {"koen", G},
    {"kohler", S}, {"konig", S}, {"korhonen", S}, {"kowalczyk", S}, {"kowalski", S}, {"kozlowski", S}, {"kramer", S},
    {"kraus", S}, {"krause", S}, {"krawczyk", S}, {"krebs", M}, {"krishna", G}, {"krista", G}, {"kristen", G},
    {"kristiansen", S}, {"kristin", G}, {"kristina", G}, {"kristopher", G}, {"kruger", S}, {"krystyna", G},
    {"krzysztof", G}, {"kuhn", S}, {"kuhne", S}, {"kumar", S}, {"kurt", G}, {"kuznetsov", S}, {"kwiatkowski", S},
    {"kyle", G}, {"laan", R}, {"labs", C}, {"lady", T}, {"laetitia", G}, {"laine", S}, {"lake", R}, {"lakes", R},
    {"lakshmi", G}, {"lambert", S}, {"lamotrigine", M}, {"lance", G}, {"land", R}, {"landing", R}, {"lane", S | R},
    {"lang", S}, {"lange", S}, {"largo", R}, {"larissa", G}, {"larry", G}, {"lars", G}, {"larsen", S}, {"larsson", S},
    {"latasha", G}, {"latex", M}, {"latoya", G}, {"laura", G}, {"lauren", G}, {"laurent", G | S}, {"lavinia", G},
    {"lawrence", G | S}, {"layla", G}, {"lea", G}, {"leah", G}, {"lee", G | S}, {"leeuwen", S}, {"lefebvre", S},
    {"legrand", S}, {"lehmann", S}, {"lei", G}, {"leila", G}, {"lemaire", S}, {"lena", G}, {"lennart", G}, {"leo", G},
    {"leon", G | S}, {"leonard", G}, {"leonardo", G}, {"leone", S}, {"leroy", G | S}, {"leslie", G}, {"leticia", G},
    {"letrozole", M}, {"leukemia", M}, {"levetiracetam", M}, {"levofloxacin", M}, {"levothyroxine", M},
    {"lewandowski", S}, {"lewis", S}, {"li", G}, {"liam", G}, {"lieke", G}, {"light", R}, {"lights", R}, {"lim", S},
    {"lima", S}, {"limited", C}, {"lin", S}, {"linda", G}, {"lindberg", S}, {"lindner", S}, {"lindsay", G},
    {"lindsey", G}, {"lindstrom", S}, {"linnea", G}, {"liraglutide", M}, {"lisa", G}, {"lisinopril", M}, {"lispro", M},
    {"lithium", M}, {"liu", S}, {"llc", C}, {"lloyd", S}, {"llp", C}, {"ln", R}, {"loaf", R}, {"lock", R},
    {"locks", R}, {"lodge", R}, {"logan", G}, {"logistics", C}, {"lombardi", S}, {"lombardo", S}, {"long", S},
    {"longo", S}, {"lonnie", G}, {"loop", R}, {"lopez", S}, {"loratadine", M}, {"lord", T}, {"loredana", G},
    {"lorena", G}, {"lorenz", S}, {"lorenzo", G | S}, {"lori", G}, {"lotte", G}, {"louis", G}, {"louise", G},
    {"lowe", S}, {"lozano", S}, {"lp", C}, {"ltd", C}, {"luana", G}, {"luc", G}, {"luca", G}, {"lucas", G},
    {"lucia", G}, {"luciana", G}, {"luciano", G}, {"ludmila", G}, {"ludwig", S}, {"luigi", G}, {"luis", G},
    {"luiz", G}, {"lukas", G}, {"lukasz", G}, {"luke", G}, {"luo", S}, {"lupus", M}, {"luuk", G}, {"lydia", G},
    {"lymphoma", M}, {"lynch", S}, {"lynn", G}, {"m", T}, {"ma", S}, {"maarten", G}, {"macarena", G}, {"maciej", G},
    {"mackenzie", G}, {"madame", T}, {"madeleine", G}, {"madison", G}, {"magdalena", G}, {"magnus", G},
    {"magnusson", S}, {"mahesh", G}, {"maier", S}, {"makela", S}, {"makinen", S}, {"malaria", M}, {"malcolm", G},
    {"maldonado", S}, {"malgorzata", G}, {"malhotra", S}, {"malik", S}, {"mall", R}, {"mallory", G}, {"mancini", S},
    {"manfred", G}, {"manish", G}, {"manon", G}, {"manor", R}, {"manors", R}, {"manuel", G}, {"manuela", G},
    {"marc", G}, {"marcel", G}, {"marcelo", G}, {"marchand", S}, {"marchetti", S}, {"marcia", G}, {"marcin", G},
    {"marco", G}, {"marcos", G}, {"marcus", G}, {"marek", G}, {"margaret", G}, {"margareta", G}, {"margaux", G},
    {"margot", G}, {"maria", G}, {"mariam", G}, {"mariana", G}, {"mariani", S}, {"marie", G | S}, {"marieke", G},
    {"marilyn", G}, {"marin", S}, {"marina", G}, {"marini", S}, {"marino", S}, {"mario", G}, {"marissa", G},
    {"mariusz", G}, {"mark", G}, {"markus", G}, {"marquez", S}, {"marshall", S}, {"marta", G}, {"martha", G},
    {"martin", G | S}, {"martina", G}, {"martine", G}, {"martinelli", S}, {"martinez", S}, {"martini", S},
    {"martins", S}, {"marvin", G}, {"mary", G}, {"mason", G | S}, {"massimo", G}, {"masson", S}, {"mateo", G},
    {"mateusz", G}, {"mathieu", G | S}, {"matteo", G}, {"matthew", G}, {"matthews", S}, {"matthias", G}, {"matti", G},
    {"maud", G}, {"maureen", G}, {"maurice", G}, {"max", G}, {"maxime", G}, {"maximilian", G}, {"mayer", S},
    {"mazur", S}, {"mazza", S}, {"mbh", C}, {"mccarthy", S}, {"mcdonald", S}, {"mckenzie", S}, {"md", T},
    {"meadow", R}, {"meadows", R}, {"measles", M}, {"media", C}, {"medina", S}, {"meer", S}, {"meera", G},
    {"megan", G}, {"megha", G}, {"meghan", G}, {"mehmet", G}, {"mehta", S}, {"mei", G}, {"meier", S}, {"meijer", S},
    {"melanie", G}, {"melanoma", M}, {"melissa", G}, {"mellitus", M}, {"melvin", G}, {"mendes", S}, {"mendez", S},
    {"mendoza", S}, {"mercedes", G}, {"mercier", S}, {"merel", G}, {"messina", S}, {"metformin", M}, {"methadone", M},
    {"methotrexate", M}, {"methylphenidate", M}, {"metoclopramide", M}, {"metronidazole", M}, {"meunier", S},
    {"mevr", T}, {"mews", R}, {"meyer", S}, {"michael", G}, {"michal", G}, {"michalski", S}, {"micheal", G},
    {"michel", G | S}, {"michele", G}, {"michelle", G}, {"migraine", M}, {"migrane", M}, {"miguel", G}, {"mikael", G},
    {"mike", G}, {"mikhail", G}, {"mikko", G}, {"milan", G}, {"mill", R}, {"miller", S}, {"millie", G},
    {"mills", S | R}, {"min", G}, {"ming", G}, {"miranda", G}, {"mirtazapine", M}, {"miscarriage", M}, {"miss", T},
    {"mission", R}, {"misty", G}, {"mitchell", G | S}, {"mlle", T}, {"mme", T}, {"mohamed", G}, {"mohammed", G},
    {"mohan", G}, {"molina", S}, {"moller", S}, {"monica", G}, {"monika", G}, {"monique", G}, {"monsieur", T},
    {"monteiro", S}, {"montelukast", M}, {"montero", S}, {"monti", S}, {"montserrat", G}, {"moore", S}, {"mora", S},
    {"morales", S}, {"moreau", S}, {"moreira", S}, {"morel", S}, {"morelli", S}, {"moreno", S}, {"moretti", S},
    {"morgan", G | S}, {"morin", S}, {"moritz", G}, {"morphine", M}, {"morris", S}, {"motorway", R}, {"mount", R},
    {"mountain", R}, {"mountains", R}, {"moura", S}, {"moya", S}, {"mr", T}, {"mrs", T}, {"ms", T}, {"muhammad", G},
    {"mukesh", G}, {"mukherjee", S}, {"mulder", S}, {"muller", S}, {"mumps", M}, {"munoz", S}, {"murat", G},
    {"murphy", S}, {"murray", S}, {"mustafa", G}, {"mx", T}, {"myers", S}, {"nadia", G}, {"nair", S}, {"nakamura", S},
    {"naloxone", M}, {"nancy", G}, {"naproxen", M}, {"nascimento", S}, {"natalia", G}, {"natalie", G}, {"nathalie", G},
    {"nathan", G}, {"nathaniel", G}, {"navarro", S}, {"naveen", G}, {"neck", R}, {"neha", G}, {"neil", G},
    {"nelson", G | S}, {"neumann", S}, {"neuropathy", M}, {"nguyen", S}, {"niamh", G}, {"nicholas", G}, {"nichols", S},
    {"nicolas", G | S}, {"nicole", G}, {"niels", G}, {"nielsen", S}, {"nieminen", S}, {"nienke", G}, {"nieto", S},
    {"nigel", G}, {"nikhil", G}, {"niklas", G}, {"nikolai", G}, {"nils", G}, {"nilsen", S}, {"nilsson", S},
    {"nisha", G}, {"nitroglycerin", M}, {"noah", G}, {"noel", S}, {"noor", G}, {"nout", G}, {"nowak", S},
    {"nowakowski", S}, {"nucleo", R}, {"nunes", S}, {"nunez", S}, {"nuria", G}, {"nv", C}, {"obesity", M},
    {"obrien", S}, {"oconnor", S}, {"odette", G}, {"ohg", C}, {"olanzapine", M}, {"ole", G}, {"oleg", G}, {"olga", G},
    {"oliveira", S}, {"oliver", G}, {"olivia", G}, {"olivier", G}, {"olsen", S}, {"olson", S}, {"olsson", S},
    {"omar", G}, {"omeprazole", M}, {"ondansetron", M}, {"oneill", S}, {"orchard", R}, {"ortega", S}, {"ortiz", S},
    {"oscar", G}, {"oseltamivir", M}, {"oskar", G}, {"osteoporosis", M}, {"otitis", M}, {"otto", G | S}, {"oval", R},
    {"overpass", R}, {"owen", G | S}, {"owens", S}, {"oxycodone", M}, {"oy", C}, {"ozturk", S}, {"pablo", G},
    {"paclitaxel", M}, {"pad", R}, {"padraig", G}, {"paige", G}, {"palmer", S}, {"palsy", M}, {"palumbo", S},
    {"pamela", G}, {"paola", G}, {"paolo", G}, {"paracetamol", M}, {"parisi", S}, {"park", S | R}, {"parker", S},
    {"parkinson", M}, {"parks", R}, {"parkway", R}, {"parkways", R}, {"parque", R}, {"parra", S}, {"partners", C},
    {"pasadizo", R}, {"pasaje", R}, {"pascal", G}, {"pascual", S}, {"paseo", R}, {"pass", R}, {"passage", R},
    {"pastor", S}, {"pat", G}, {"patel", S}, {"path", R}, {"patricia", G}, {"patrick", G}, {"patrizia", G},
    {"patterson", S}, {"paul", G}, {"paula", G}, {"pauline", G}, {"paulo", G}, {"pawel", G}, {"pawlowski", S},
    {"payne", S}, {"peanut", M}, {"pedersen", S}, {"pedro", G}, {"peggy", G}, {"pellegrini", S}, {"pena", S},
    {"penicillin", M}, {"penny", G}, {"per", G}, {"pereira", S}, {"perez", S}, {"perkins", S}, {"perrin", S},
    {"perry", G | S}, {"persson", S}, {"peter", G}, {"peters", S}, {"peterson", S}, {"petra", G}, {"petrov", S},
    {"pettersson", S}, {"pfeiffer", S}, {"phd", T}, {"phenytoin", M}, {"philip", G}, {"philipp", G}, {"philippe", G},
    {"phillip", G}, {"phillips", S}, {"phyllis", G}, {"piazza", R}, {"piazzale", R}, {"pierce", S}, {"pierre", G},
    {"pieter", G}, {"pietro", G}, {"pike", R}, {"pilar", G}, {"pine", R}, {"pines", R}, {"pinto", S}, {"piotr", G},
    {"piotrowski", S}, {"pizza", C}, {"pkwy", R}, {"pl", R}, {"plac", R}, {"place", R}, {"plain", R}, {"plains", R},
    {"platz", R}, {"plaza", R}, {"plc", C}, {"plein", R}, {"plz", R}, {"pneumonia", M}, {"pneumonie", M}, {"pohl", S},
    {"point", R}, {"points", R}, {"pooja", G}, {"popov", S}, {"poppy", G}, {"port", R}, {"porter", S}, {"ports", R},
    {"powell", S}, {"praca", R}, {"pradial", R}, {"prairie", R}, {"prakash", G}, {"pranav", G}, {"prednisolone", M},
    {"prednisone", M}, {"preeclampsia", M}, {"pregabalin", M}, {"pregnancy", M}, {"preston", G}, {"price", S},
    {"prieto", S}, {"priya", G}, {"priyanka", G}, {"prof", T}, {"psoriasis", M}, {"pty", C}, {"quadra", R},
    {"quai", R}, {"quetiapine", M}, {"rachael", G}, {"rachel", G}, {"radha", G}, {"radial", R}, {"rafael", G},
    {"rafaela", G}, {"rafal", G}, {"rahul", G}, {"raimundo", G}, {"rainer", G}, {"raj", G}, {"rajesh", G},
    {"rajiv", G}, {"rakesh", G}, {"ralf", G}, {"ralph", G}, {"rambla", R}, {"ramesh", G}, {"ramirez", S}, {"ramon", G},
    {"ramos", S}, {"ramp", R}, {"ranch", R}, {"randall", G}, {"randy", G}, {"ranitidine", M}, {"rao", S},
    {"raphael", G}, {"rapid", R}, {"rapids", R}, {"raquel", G}, {"rash", M}, {"raul", G}, {"raven", G}, {"ravi", G},
    {"ray", G | S}, {"raymond", G}, {"rd", R}, {"rebecca", G}, {"recanto", R}, {"reddy", S}, {"reed", S},
    {"reflux", M}, {"regina", G}, {"reginald", G}, {"remi", G}, {"renal", M}, {"renate", G}, {"rene", G}, {"renee", G},
    {"rest", R}, {"restaurant", C}, {"retinopathy", M}, {"rev", T}, {"reyansh", G}, {"reyes", S}, {"reynolds", S},
    {"rhonda", G}, {"rhys", G}, {"ribeiro", S}, {"ricardo", G}, {"riccardo", G}, {"ricci", S}, {"rice", S},
    {"richard", G}, {"richards", S}, {"richardson", S}, {"richter", S}, {"rick", G}, {"ricky", G}, {"ridge", R},
    {"ridges", R}, {"riley", G | S}, {"rinaldi", S}, {"ring", R}, {"risperidone", M}, {"rita", G}, {"river", R},
    {"rivera", S}, {"riya", G}, {"rizzi", S}, {"rizzo", S}, {"road", R}, {"roads", R}, {"robert", G}, {"roberta", G},
    {"roberto", G}, {"roberts", S}, {"robertson", S}, {"robin", G | S}, {"robinson", S}, {"robyn", G}, {"rocha", S},
    {"rodney", G}, {"rodovia", R}, {"rodrigo", G}, {"rodrigues", S}, {"rodriguez", S}, {"roger", G}, {"rogers", S},
    {"rohan", G}, {"rojas", S}, {"rolf", G}, {"romain", G}, {"roman", S}, {"romano", S}, {"romero", S}, {"ronald", G},
    {"ronda", R}, {"ronnie", G}, {"roos", G}, {"rosa", G}, {"rosario", G}, {"rose", G | S}, {"rosie", G},
    {"ross", G | S}, {"rossi", S}, {"roth", S}, {"rotonda", R}, {"rousseau", S}, {"roussel", S}, {"route", R},
    {"roux", S}, {"row", R}, {"roy", G}, {"rua", R}, {"rubella", M}, {"ruben", G}, {"rubio", S}, {"rue", R},
    {"ruiz", S}, {"run", R}, {"russell", G | S}, {"russo", S}, {"ruth", G}, {"ryan", G | S}, {"sa", C}, {"sabine", G},
    {"sabrina", G}, {"saez", S}, {"sahin", S}, {"sakura", G}, {"sala", S}, {"salazar", S}, {"salbutamol", M},
    {"salvatore", G}, {"samantha", G}, {"samir", G}, {"samuel", G}, {"sanchez", S}, {"sandeep", G}, {"sander", G},
    {"sanders", S}, {"sandoval", S}, {"sandra", G}, {"sandrine", G}, {"sanjay", G}, {"sanna", S}, {"sanne", G},
    {"santana", S}, {"santiago", G | S}, {"santoro", S}, {"santos", S}, {"santosh", G}, {"sanz", S}, {"sara", G},
    {"sarah", G}, {"sarl", C}, {"sas", C}, {"sato", S}, {"sauer", S}, {"schafer", S}, {"schizophrenia", M},
    {"schlaganfall", M}, {"schmid", S}, {"schmidt", S}, {"schmitt", S}, {"schneider", S}, {"scholz", S}, {"school", C},
    {"schreiber", S}, {"schroder", S}, {"schubert", S}, {"schulz", S}, {"schulze", S}, {"schumacher", S},
    {"schuster", S}, {"schwarz", S}, {"sciatica", M}, {"sclerosis", M}, {"scoliosis", M}, {"scott", G | S}, {"se", C},
    {"sean", G}, {"sebastian", G}, {"sebastien", G}, {"seidel", S}, {"seizure", M}, {"sem", G}, {"semaglutide", M},
    {"sentier", R}, {"seo", G}, {"sepsis", M}, {"sergei", G}, {"sergey", G}, {"sergio", G}, {"serra", S},
    {"serrano", S}, {"services", C}, {"setor", R}, {"shah", S}, {"shane", G}, {"shannon", G}, {"sharma", S},
    {"sharon", G}, {"shaun", G}, {"shaw", S}, {"shawn", G}, {"sheikh", S}, {"sheila", G}, {"sheri", G}, {"sherri", G},
    {"sherry", G}, {"shirley", G}, {"shoal", R}, {"shoals", R}, {"shore", R}, {"shores", R}, {"shreya", G}, {"sig", T},
    {"signor", T}, {"signora", T}, {"sigra", T}, {"sigrid", G}, {"sildenafil", M}, {"silke", G}, {"silva", S},
    {"silvestri", S}, {"silvia", G}, {"simmons", S}, {"simon", G | S}, {"simona", G}, {"simone", G}, {"simpson", S},
    {"simvastatin", M}, {"singel", R}, {"singh", S}, {"siobhan", G}, {"sir", T}, {"sita", G}, {"sitagliptin", M},
    {"skyway", R}, {"smirnov", S}, {"smit", S}, {"smith", S}, {"smits", S}, {"sneha", G}, {"snyder", S}, {"sofia", G},
    {"sofie", G}, {"software", C}, {"sokolov", S}, {"soler", S}, {"solutions", C}, {"solveig", G}, {"sommer", S},
    {"sons", C}, {"sonya", G}, {"sophia", G}, {"sophie", G}, {"sota", G}, {"soto", S}, {"souza", S}, {"spa", C},
    {"spencer", G | S}, {"spironolactone", M}, {"spring", R}, {"springs", R}, {"spur", R}, {"spurs", R}, {"sq", R},
    {"square", R}, {"squares", R}, {"sr", T}, {"sra", T}, {"srl", C}, {"srta", T}, {"st", R}, {"stacey", G},
    {"stacie", G}, {"stacy", G}, {"stanislaw", G}, {"stanley", G}, {"station", R}, {"steeg", R}, {"stefan", G},
    {"stefanie", G}, {"stefano", G}, {"steig", R}, {"stein", S}, {"stephane", G}, {"stephanie", G}, {"stephen", G},
    {"stephens", S}, {"steven", G}, {"stevens", S}, {"stewart", S}, {"stiftung", C}, {"stijn", G}, {"stone", S},
    {"str", R}, {"straat", R}, {"strada", R}, {"strase", R}, {"strasse", R}, {"stravenue", R}, {"stream", R},
    {"street", R}, {"streets", R}, {"stroke", M}, {"stuart", G}, {"studio", C}, {"suarez", S}, {"sue", G},
    {"suite", R}, {"sulfa", M}, {"sulfonamides", M}, {"sullivan", S}, {"summit", R}, {"sun", S}, {"sunil", G},
    {"sunita", G}, {"suresh", G}, {"susan", G}, {"susana", G}, {"susanne", G}, {"suzanne", G}, {"suzuki", S},
    {"sven", G}, {"svensson", S}, {"svetlana", G}, {"swati", G}, {"sylvia", G}, {"sylvie", G}, {"syndrome", M},
    {"syphilis", M}, {"systems", C}, {"szymanski", S}, {"szymon", G}, {"tabitha", G}, {"tachycardia", M},
    {"takahashi", S}, {"takashi", G}, {"tamara", G}, {"tammy", G}, {"tamoxifen", M}, {"tamsulosin", M}, {"tanaka", S},
    {"tanya", G}, {"tara", G}, {"tariq", G}, {"tatiana", G}, {"taylor", S}, {"technologies", C}, {"technology", C},
    {"ted", G}, {"teixeira", S}, {"ter", R}, {"teresa", G}, {"terrace", R}, {"terry", G}, {"tess", G}, {"testa", S},
    {"testosterone", M}, {"teun", G}, {"theo", G}, {"theodore", G}, {"theresa", G}, {"therese", G}, {"thiago", G},
    {"thierry", G}, {"thijs", G}, {"thomas", G | S}, {"thompson", S}, {"thorsten", G}, {"throughway", R}, {"tiago", G},
    {"tie", R}, {"tiffany", G}, {"tim", G}, {"timo", G}, {"timothy", G}, {"tina", G}, {"tinnitus", M},
    {"tiotropium", M}, {"tobias", G}, {"todd", G}, {"tom", G}, {"tomas", G}, {"tomasz", G}, {"tommaso", G},
    {"toni", G}, {"tonsillitis", M}, {"tony", G}, {"tonya", G}, {"topiramate", M}, {"torres", S}, {"torsten", G},
    {"trace", R}, {"track", R}, {"tracy", G}, {"trafficway", R}, {"trail", R}, {"tramadol", M}, {"tran", S},
    {"trattoria", C}, {"travesia", R}, {"travessa", R}, {"travis", G}, {"trazodone", M}, {"trevor", G}, {"tricia", G},
    {"trisha", G}, {"tristan", G}, {"trl", R}, {"troy", G}, {"trust", C}, {"tuberculosis", M}, {"tucker", S},
    {"tumor", M}, {"tumour", M}, {"tunnel", R}, {"turner", S}, {"turnpike", R}, {"tuula", G}, {"tygo", G},
    {"tyler", G}, {"ufer", R}, {"ug", C}, {"ul", R}, {"ulcer", M}, {"ulica", R}, {"ulrike", G}, {"und", C},
    {"underpass", R}, {"union", R}, {"unions", R}, {"unit", R}, {"university", C}, {"univprof", T},
    {"urbanizacion", R}, {"ursula", G}, {"ute", G}, {"uwe", G}, {"vag", R}, {"vagen", R}, {"valacyclovir", M},
    {"valentina", G}, {"valentine", S}, {"valentini", S}, {"valeria", G}, {"valerie", G}, {"valley", R},
    {"valleys", R}, {"valproate", M}, {"vance", S}, {"vancomycin", M}, {"vanessa", G}, {"vargas", S}, {"varicella", M},
    {"varun", G}, {"vasquez", S}, {"vazquez", S}, {"vega", S}, {"vej", R}, {"velasco", S}, {"venlafaxine", M},
    {"vera", G}, {"verapamil", M}, {"verein", C}, {"verma", S}, {"veronica", G}, {"veronique", G}, {"vertigo", M},
    {"via", R}, {"viaduct", R}, {"viale", R}, {"vicente", S}, {"vicolo", R}, {"victor", G}, {"victoria", G},
    {"vidal", S}, {"viela", R}, {"view", R}, {"views", R}, {"vijay", G}, {"vikram", G}, {"vila", R}, {"villa", S},
    {"village", R}, {"villages", R}, {"ville", R}, {"vincent", G | S}, {"vincenzo", G}, {"vinicius", G}, {"vinod", G},
    {"virginia", G}, {"virtanen", S}, {"visser", S}, {"vista", R}, {"vitale", S}, {"vitor", G}, {"vivaan", G},
    {"vladimir", G}, {"vogel", S}, {"vogt", S}, {"voigt", S}, {"volkov", S}, {"vos", S}, {"vries", S}, {"wagner", S},
    {"walk", R}, {"walker", S}, {"walks", R}, {"wall", R}, {"wallace", S}, {"walsh", S}, {"walter", G | S},
    {"waltraud", G}, {"wanda", G}, {"wang", S}, {"ward", S}, {"warfarin", M}, {"warren", G | S}, {"washington", S},
    {"watanabe", S}, {"watson", S}, {"way", R}, {"wayne", G}, {"ways", R}, {"weaver", S}, {"webb", S}, {"weber", S},
    {"weg", R}, {"wei", G}, {"weiss", S}, {"well", R}, {"wells", S | R}, {"wendy", G}, {"werner", G | S},
    {"wesley", G}, {"west", S}, {"white", S}, {"whitney", G}, {"wilhelm", G}, {"wilhelmina", G}, {"willem", G},
    {"william", G}, {"williams", S}, {"willie", G}, {"willis", S}, {"willow", G}, {"wilma", G}, {"wilson", S},
    {"winkler", S}, {"winter", S}, {"wise", S}, {"wisniewski", S}, {"wit", S}, {"wojciech", G}, {"wojcik", S},
    {"wolf", S}, {"wolfe", S}, {"wolfgang", G}, {"wood", S}, {"woods", S}, {"wouter", G}, {"wozniak", S},
    {"wright", S}, {"wu", S}, {"xavier", G}, {"ximena", G}, {"xin", G}, {"xu", S}, {"y", C}, {"yamamoto", S},
    {"yan", G}, {"yang", S}, {"yash", G}, {"yasmin", G}, {"yates", S}, {"yelena", G}, {"yesenia", G}, {"yildiz", S},
    {"yilmaz", S}, {"ying", G}, {"yolanda", G}, {"yoon", S}, {"york", S}, {"young", S}, {"yui", G}, {"yuki", G},
    {"yuri", G}, {"yusuf", G}, {"yuto", G}, {"yves", G}, {"yvonne", G}, {"zachary", G}, {"zainab", G}, {"zbigniew", G},
    {"zeynep", G}, {"zhang", S}, {"zhao", S}, {"zhou", S}, {"zhu", S}, {"ziegler", S}, {"zielinski", S},
    {"zimmermann", S}, {"zoe", G}, {"zofia", G}, {"zolpidem", M}, {"zuniga", S},
};
/* clang-format on */
enum { WORDS_ROWS = sizeof words_rows / sizeof *words_rows };

size_t pii_word_rows(void) { return WORDS_ROWS; }
lh_str pii_word_row(size_t index) {
    const char *text = words_rows[index].text;
    return (lh_str){text, strnlen(text, WORDS_BYTES)};
}

/* Small ASCII letters without accents: U+00C0 to U+017F by table, anything else beyond ASCII as it is. */
static size_t words_fold(lh_str word, char *into, size_t room) {
    static const char latin[] = "aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty"
                                "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
                                "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    size_t len = 0;
    for (size_t i = 0; i < word.len && len < room; i++) {
        unsigned char c = (unsigned char)word.ptr[i];
        unsigned char next = i + 1 < word.len ? (unsigned char)word.ptr[i + 1] : 0;
        if (c >= 0xC3 && c <= 0xC5 && (next & 0xC0) == 0x80) {
            into[len++] = latin[(size_t)(c - 0xC3) * 64 + (next & 0x3F)];
            i++;
        } else {
            into[len++] = pii_to_lower((char)c);
        }
    }
    return len;
}

typedef struct words_key {
    uint64_t high, low; /* the order of the bytes */
} words_key;

static words_key words_key_of(const char *text) { /* 16 bytes, of which the last does not count */
    words_key key;
    memcpy(&key.high, text, 8);
    memcpy(&key.low, text + 8, 8);
    return (words_key){be64toh(key.high), be64toh(key.low) & ~(uint64_t)0xFF};
}

static unsigned words_look_up(const char *text) {
    const words_key wanted = words_key_of(text);
    size_t from = 0;
    for (size_t left = WORDS_ROWS; left > 1;) { /* without branches, which nobody could foretell */
        size_t half = left / 2;
        words_key middle = words_key_of(words_rows[from + half].text);
        bool behind = middle.high < wanted.high || (middle.high == wanted.high) & (middle.low <= wanted.low);
        from += behind ? half : 0;
        left -= half;
    }
    words_key found = words_key_of(words_rows[from].text);
    return found.high == wanted.high && found.low == wanted.low ? words_rows[from].lists : 0;
}

static bool words_ends(lh_str folded, const char *const *endings, size_t count, size_t more) {
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(endings[i]);
        if (folded.len >= len + more && folded.ptr[folded.len - 1] == endings[i][len - 1] &&
            memcmp(folded.ptr + folded.len - len, endings[i], len) == 0)
            return true;
    }
    return false;
}

static bool words_is_street(lh_str folded) {
    static const char *const endings[] = {"strasse", "strase", "str",  "gasse",  "weg",    "platz", "allee",
                                          "damm",    "ufer",   "ring", "straat", "laan",   "plein", "gracht",
                                          "kade",    "steeg",  "hof",  "dreef",  "singel", "pad",   "gatan",
                                          "vagen",   "gata",   "vej",  "gade",   "katu"};
    return words_ends(folded, endings, sizeof endings / sizeof *endings, 3);
}

static bool words_is_medical(lh_str folded) {
    static const char *const endings[] = {
        "itis",    "osis",      "emia",    "algia",  "opathy", "ectomy",  "penia",  "plegia",  "statin",
        "cillin",  "mycin",     "azole",   "sartan", "dipine", "oxetine", "tinib",  "gliptin", "gliflozin",
        "parin",   "caine",     "pril",    "olol",   "mab",    "xaban",   "azepam", "azolam",  "floxacin",
        "cycline", "thyroxine", "triptan", "lukast", "sone",   "opram",   "traline"};
    return folded.len >= 7 && words_ends(folded, endings, sizeof endings / sizeof *endings, 2);
}

unsigned pii_word(lh_str word) {
    char text[WORDS_FOLDED + 16] = {0};
    size_t len = words_fold(lh_str_sub(word, 0, WORDS_FOLDED), text, WORDS_FOLDED);
    char key[16] = {0};
    memcpy(key, text, len < WORDS_BYTES ? len : WORDS_BYTES);
    unsigned lists = words_look_up(key);
    const lh_str folded = {text, len};
    if (!lists && words_is_street(folded)) lists |= PII_STREET;
    if (!lists && words_is_medical(folded)) lists |= PII_MEDICAL;
    return lists;
}

bool pii_is_blank(lh_str value) {
    static const char *const blanks[] = {"n/a",     "na",        "n.a.",        "n.a",          "none", "null",
                                         "nil",     "nan",       "unknown",     "unk",          "tbd",  "x",
                                         "xx",      "xxx",       "missing",     "#n/a",         "k.a.", "undefined",
                                         "inconnu", "unbekannt", "desconocido", "not available"};
    if (value.len > 13 || !strchr("nutxm#kid", pii_to_lower(value.ptr[0]))) return false;
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (lh_str_eq_nocase(value, lh_str_from(blanks[i]))) return true;
    return false;
}
