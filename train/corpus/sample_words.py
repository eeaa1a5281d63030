"""Names and words of the sample corpus, as data: facts and invented names, in no particular order.

WORDS maps a list's name to its entries; an entry may be several words. The grammar calls a list by its name in braces.
Some entries stand in several lists on purpose (Paris is a city and a given name): the grammar decides what they are.
It knows nothing of labels, sentences or chance.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(phrase.split()) for phrase in text.split(",")))


_PEOPLE = {
    "given": _words("""
James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph Jessica
Thomas Sarah Charles Karen Daniel Nancy Matthew Lisa Anthony Betty Mark Margaret Donald Sandra Steven Ashley Paul Kim
Andrew Emily Joshua Donna Kenneth Michelle Kevin Carol Brian Amanda George Melissa Edward Deborah Ronald Stephanie Tim
Timothy Rebecca Jason Laura Jeffrey Helen Ryan Sharon Jacob Cynthia Gary Kathleen Nicholas Amy Eric Angela Jonathan
Tom Stephen Anna Larry Ruth Justin Brenda Scott Pamela Brandon Nicole Benjamin Katherine Samuel Samantha Frank
Christine Joe Gregory Emma Raymond Catherine Alexander Virginia Patrick Rachel Jack Carolyn Dennis Janet Jerry Maria
Tyler Heather Bob Aaron Diane Henry Julie Douglas Joyce Peter Victoria Adam Kelly Nathan Christina Zachary Joan Walter
Evelyn Kyle Lauren Harold Judith Carl Olivia Jeremy Martha Gerald Cheryl Keith Megan Roger Andrea Arthur Ann Terry
Alice Lawrence Jean Sean Doris Christian Jacqueline Ethan Kathryn Austin Hannah Albert Grace Jesse Rose Bruce Theresa
Billy Madison Jordan Beverly Ralph Denise Roy Marilyn Eugene Amber Louis Danielle Philip Brittany Wayne Diana Harry
Abigail Fiona Siobhan Ewan Niamh Gareth Rhys Nigel Alistair Imogen Rupert Oliver Sophie Liam Chloe Lucas Noah Elijah
Ava Isabella Mia Charlotte Amelia Harper Sofia Ella Scarlett Layla Zoe Nora Hazel Owen Wyatt Caleb Mason Logan Connor
Declan Paris Chelsea Sydney Florence Georgia Brooklyn Dakota Hans Jürgen Klaus Wolfgang Heinz Ursula Angelika Sabine
Dieter Günther Lothar Anke Jens Torsten Friedrich Annalena Olaf Ulrich Pierre Jacques François Nicolas Emmanuel
Brigitte Marine Thierry Michel Dominique Didier Amélie Élodie Laurent Hugo Camille Mathieu Giovanni Giuseppe Luca
Marco Matteo Alessandro Francesca Giulia Chiara Silvio Paolo Roberto Federica Lorenzo Giorgia Enzo Carlos José Juan
Miguel Javier Pedro Diego Pablo Rafael Fernando Luis Jorge Alejandro Sergio Andrés Carmen Lucía Pilar Mercedes Ximena
Guadalupe Rosa Isabel Gabriela Valentina Camila Catalina Raúl Gustavo Hernán João António Rui Cristiano Thiago Neymar
Luiz Dilma Jair Caetano Fernanda Beatriz Vinícius Ivan Dmitry Vladimir Sergei Alexei Boris Mikhail Nikolai Yuri Oleg
Igor Natalia Svetlana Olga Tatiana Ekaterina Irina Anastasia Volodymyr Oleksandr Yulia Petro Andriy Viktor Pavel Jan
Tomáš Václav Jiří Petra Zuzana Jarosław Andrzej Lech Krzysztof Agnieszka Katarzyna Piotr Wojciech Magdalena Zoltán
László István Ágnes Ferenc Gábor Ion Mihai Elena Andrei Nicolae Ioana Dragan Goran Zoran Slobodan Novak Luka Milica
Jelena Ivana Nikola Branko Dimitris Giorgos Alexis Kostas Eleni Sofoklis Mehmet Ahmet Mustafa Recep Ayşe Fatma Emine
Kemal Bülent Selin Lars Erik Anders Björn Magnus Sven Ingrid Astrid Greta Freja Mette Jens-Peter Kirsten Søren Jonas
Mikael Tarja Matti Juha Aino Sanna Kaja Toomas Andris Dalia Gitanas Willem Maarten Joost Pieter Femke Geert Ruud
Sander Anouk Daan Mohammed Mohamed Ahmed Ali Hassan Hussein Omar Khalid Abdullah Ibrahim Yusuf Mahmoud Tariq Samir
Karim Fatima Aisha Leila Zainab Noor Yasmin Amina Huda Rania Nadia Salma Bashar Saddam Muammar Hosni Anwar Hamid
Ashraf Zahra Reza Mahmud Hossein Mehdi Shirin Parisa Golshifteh Nasrin Benny Yitzhak Shimon Ehud Avi Moshe Yael Tzipi
Golda Noa Amit Rahul Sanjay Rajesh Vijay Arjun Narendra Manmohan Sachin Virat Priya Anjali Sunita Indira Sonia Deepika
Aishwarya Lakshmi Kavita Ravi Suresh Arvind Imran Nawaz Benazir Shehbaz Malala Sheikh Khaleda Mahinda Ranil Chandrika
Tenzin Wei Jun Ming Jian Xiaoping Hui Li-na Mei Ling Xin Yan Hao Chao Yang Hiroshi Kenji Takashi Shinzo Yuki Haruki
Akira Naomi Sakura Yoko Keiko Satoshi Fumio Hideo Rina Ji-hoon Min-jun Seo-yeon Ji-woo Heung-min Jae-in Geun-hye Yuna
Soo-jin Nguyen Minh Thanh Tuan Linh Huong Somchai Thaksin Prayut Yingluck Aung Suharto Joko Megawati Budi Siti Dewi
Mahathir Najib Corazon Rodrigo Ferdinand Manny Imelda Kwame Kofi Nana Akosua Chinua Chidi Ngozi Oluwaseun Adebayo
Goodluck Muhammadu Wole Amara Nelson Thabo Cyril Winnie Sipho Desmond Uhuru Mwai Wangari Eliud Kipchoge Haile Abiy
Meles Tigist Yoweri Paul-Henri Laurent-Désiré Mobutu Didier-Yves Samuel-Étienne Sadio Youssou Mariam Aminata Ousmane
Blaise Tawakkol Hakim Zinedine Riyad Kylian Abdelaziz Moncef Serena Venus Usain Shelly-Ann Yohan Bob-Lee Leilani Kai
Keanu Aroha Tane Jacinda Scott-Lee Lachlan Kylie Cate Shane Brett Cathy Siya Zola Ronnie Ted Bill Jim Jimmy Mike Dave
Steve Chris Matt Dan Nick Ben Sam Alex Max Leo Kate Liz Beth Sue Meg Jenny Becky Maggie Tony Greg Jeff Phil Reese
Tiger Serge Elon Satya Sundar Mitt Barack Hillary Kamala Nikki Marco-Antonio Bernie Nancy-Ann Tulsi Ilhan Rishi Keir
Theresa-May Gordon Winston Clement Angus Nicola Humza Leanne Idris Judi Colin Benedict Keira Daisy Tilda Hedy
"""),
    "surname": _words("""
Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Martin Jackson Thompson White Lee
Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson Baker Hall Campbell Mitchell
Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan Cooper Peterson
Reed Bailey Bell Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray James Hughes Price Myers Long Foster
Sanders Ross Powell Sullivan Russell Hayes Fisher Graham Reynolds Griffin Wallace West Cole Hayden Jordan Hamilton
Ford Gibson Washington Lincoln London Houston Berlin France Holland Ireland England Wellington Boston Sheffield York
Paris Cleveland Bush Clinton Obama Trump Biden Reagan Kennedy Nixon Roosevelt Eisenhower Carson Romney McCain
Sanders-Hill Buttigieg Rubio O'Brien O'Connor O'Neill O'Sullivan McDonald McCarthy McKenzie MacLeod Fitzgerald
Gallagher Doyle Byrne Kavanagh Nolan Blair Thatcher Cameron Johnson-Reid Sunak Starmer Corbyn Sturgeon Farage Attlee
Churchill Abbott Ashworth Blackwood Cartwright Davenport Ellsworth Fairbanks Goodwin Hargreaves Ingram Jennings
Kingsley Lockwood Merriweather Norwood Okafor Pemberton Quigley Ravenscroft Stanhope Thornton Underwood Vickers
Whitaker Yardley Beckham Rooney Kane Sterling Rashford Ferguson Müller Schmidt Schneider Fischer Weber Meyer Wagner
Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann
Hartmann Lange Kohl Merkel Scholz Merz Baerbock Habeck Steinmeier Klopp Dubois Durand Moreau Laurent Lefebvre Michel
Garcia-Roux Bertrand Roux Fournier Girard Bonnet Lambert Fontaine Rousseau Chirac Mitterrand Sarkozy Hollande Macron
Mélenchon Lagarde Barnier Deschamps Platini Mbappé Griezmann Benzema Rossi Russo Ferrari Esposito Bianchi Romano
Colombo Ricci Marino Greco Bruno Gallo Conti De-Luca Mancini Costa Giordano Rizzo Lombardi Moretti Berlusconi Prodi
Renzi Draghi Meloni Buffon Pirlo García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Jiménez Ruiz
Hernández Díaz Moreno Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano
Blanco Molina Castro Ortega Delgado Ortiz Marín Rubio-Sanz Nadal Rajoy Zapatero Aznar Iniesta Piqué Morales Herrera
Medina Aguilar Vargas Mendoza Rojas Salazar Guerrero Contreras Espinoza Fuentes Cárdenas Chávez Maduro Bolívar Peña
Calderón Zedillo Menem Kirchner Macri Milei Messi Maradona Bachelet Piñera Boric Allende Pinochet Fujimori Humala
Uribe Santos Petro Correa Moreno-Garcés Silva Souza Oliveira Pereira Ferreira Alves Ribeiro Carvalho Gomes Barbosa
Cardoso Rousseff Bolsonaro Ronaldo Soares Guterres Barroso Mourinho Teixeira Figo Ivanov Petrov Smirnov Kuznetsov
Popov Sokolov Lebedev Kozlov Novikov Morozov Volkov Pavlov Orlov Gorbachev Yeltsin Putin Medvedev Lavrov Navalny
Khodorkovsky Sharapova Kuznetsova Kasparov Shevchenko Kovalenko Bondarenko Tymoshenko Yushchenko Poroshenko Zelensky
Klitschko Lukashenko Tikhanovskaya Kowalski Nowak Wiśniewski Wójcik Kaczyński Tusk Wałęsa Lewandowski Novák Svoboda
Dvořák Havel Zeman Babiš Horváth Nagy Kovács Szabó Orbán Tóth Popescu Ionescu Iohannis Hagi Dimitrov Borisov Jovanović
Petrović Nikolić Milošević Djokovic Vučić Tadić Horvat Kovačević Modrić Tuđman Izetbegović Hoxha Berisha Rama Thaçi
Papadopoulos Papandreou Tsipras Mitsotakis Samaras Yilmaz Kaya Demir Çelik Erdoğan Özal Davutoğlu Hansen Johansen
Olsen Larsen Andersen Pedersen Nielsen Jensen Rasmussen Sørensen Johansson Karlsson Nilsson Eriksson Lindqvist
Bergström Palme Ibrahimović Stoltenberg Solberg Haaland Korhonen Virtanen Mäkinen Niinistö Marin Räikkönen Kallas
Ilves de-Vries Jansen Bakker Visser Smit Rutte Wilders Cruyff Robben Peeters Janssens Michel-Dupont Lukaku Hazard
Verhofstadt Federer Wawrinka Blocher Keller Huber Kurz Haider Ahmed Ali Hassan Hussein Khan Abbas Arafat Mubarak Sadat
Nasser Morsi al-Sisi al-Assad al-Maliki al-Abadi al-Sadr Hariri Nasrallah Aoun Gaddafi Haftar Bouteflika Ben-Ali
Benkirane Haddad Mansour Khalil Najjar Sabbagh Rahman Karimi Hosseini Khamenei Rouhani Ahmadinejad Zarif Raisi Mousavi
Karzai Ghani Dostum Cohen Levy Mizrahi Peretz Friedman Katz Netanyahu Rabin Peres Sharon Barak Olmert Gantz Lapid
Singh Kumar Sharma Patel Gupta Verma Reddy Nair Iyer Banerjee Mukherjee Chatterjee Modi Gandhi Nehru Vajpayee
Tendulkar Kohli Dhoni Kejriwal Bhutto Sharif Musharraf Zardari Akram Hasina Zia Rajapaksa Wickremesinghe Kumaratunga
Jayasuriya Koirala Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo Lin He Gao Liang Zheng Luo Song
Tang Xi Jiang Mao Lam Leung Tsai Chan Wong Ng Tan Lim Goh Kuan-Yew Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto
Nakamura Kobayashi Kato Yoshida Yamada Sasaki Abe Koizumi Hashimoto Kishida Suga Ichiro Nishikori Osaka Murakami
Kurosawa Kim Park Choi Jung Kang Cho Yoon Moon Roh Ban Son Tran Le Pham Vu Dang Bui Suu-Kyi Shinawatra Chan-ocha
Marcos Aquino Duterte Estrada Pacquiao Reyes Bautista Villanueva Widodo Yudhoyono Sukarno Wahid Subianto Okonkwo
Adeyemi Obasanjo Buhari Jonathan Tinubu Achebe Adichie Okocha Mensah Asante Owusu Rawlings Mahama Annan Diallo Traoré
Keita Touré Drogba Ouattara Gbagbo Mané Sall Wade N'Dour Sankara Compaoré Kagame Museveni Besigye Kenyatta Odinga Ruto
Moi Kipchoge Rudisha Mwangi Kamau Nyerere Magufuli Mkapa Mugabe Tsvangirai Mnangagwa Mandela Mbeki Zuma Ramaphosa
Malema Tutu Dlamini Nkosi Botha Kruger de-Klerk Pretorius van-Dyk Tesfaye Bekele Gebrselassie Zenawi Kabila Tshisekedi
Lumumba Mobutu Eto'o Biya Bolt Gayle Lara Ambrose Farah Ennis Ardern Key Hipkins Whitlam Rudd Gillard Turnbull
Morrison Albanese Warne Ponting Hewitt Freeman Trudeau Harper Mulroney Chrétien Poilievre Gretzky Crosby Woods
Federline Jobs Gates Musk Bezos Zuckerberg Buffett Dimon Nadella Pichai Ballmer Welch Branson Murdoch Soros Spielberg
Scorsese Hanks DiCaprio Streep Winslet Pitt Clooney Swift Beyoncé-Knowles Lennon McCartney Bowie Jagger Dylan
Springsteen Rowling Tolkien Hemingway Orwell Atwood Rushdie Ishiguro Einstein Hawking Curie Darwin Fauci Tyson
Ali-Khan Foreman
"""),
    "mononym": _words("""
Ronaldo Ronaldinho Pelé Neymar Madonna Rihanna Beyoncé Shakira Adele Bono Drake Eminem Kaká Rivaldo Hulk Björk Zidane
Cher Prince Sting Usher Pelosi Shakespeare Mozart Beethoven Picasso Confucius Aristotle Napoleon Gandhi Raúl Xavi Lula
Banksy
"""),
    "asian_full": _phrases("""
Xi Jinping, Li Keqiang, Hu Jintao, Jiang Zemin, Kim Jong Un, Kim Jong-il, Moon Jae-in, Park Geun-hye, Ban Ki-moon, Yao
Ming, Jack Ma, Deng Xiaoping, Mao Zedong, Tsai Ing-wen, Carrie Lam, Lee Hsien Loong, Lee Kuan Yew, Aung San Suu Kyi,
Ho Chi Minh, Nguyen Van Thieu, Zhang Yimou, Ai Weiwei, Liu Xiaobo, Wen Jiabao, Son Heung-min, Bong Joon-ho, Wang Yi,
Peng Liyuan, Chen Guangcheng, Zhou Enlai, Pham Minh Chinh, Yoon Suk Yeol, Ang Lee, Lang Lang, Li Na, Sun Yang, Goh
Chok Tong
"""),
    "particle": _phrases("van, de, von, van der, van den, da, dos, di, del, de la, bin, al, ten, le, ben, el"),
    "initial": _words("A. B. C. D. E. F. G. H. J. K. L. M. N. P. R. S. T. V. W. J.K. J.R. A.J. G.W. D.H. P.V. R.J."),
}

_PLACES = {
    "cities": _phrases("""
London, Paris, Berlin, Madrid, Rome, Vienna, Brussels, Amsterdam, Lisbon, Dublin, Athens, Warsaw, Prague, Budapest,
Bucharest, Sofia, Belgrade, Zagreb, Ljubljana, Sarajevo, Skopje, Tirana, Pristina, Moscow, St. Petersburg, Kiev, Kyiv,
Minsk, Vilnius, Riga, Tallinn, Helsinki, Stockholm, Oslo, Copenhagen, Reykjavik, Geneva, Zurich, Basel, Bern,
Lausanne, Munich, Hamburg, Frankfurt, Cologne, Stuttgart, Dresden, Leipzig, Bonn, Dortmund, Bremen, Hanover,
Nuremberg, Milan, Turin, Naples, Florence, Venice, Bologna, Genoa, Palermo, Verona, Bari, Barcelona, Seville,
Valencia, Bilbao, Malaga, Granada, Lyon, Marseille, Nice, Bordeaux, Toulouse, Lille, Nantes, Strasbourg, Rennes,
Cannes, Calais, Manchester, Liverpool, Birmingham, Leeds, Sheffield, Bristol, Newcastle, Nottingham, Leicester,
Southampton, Portsmouth, Brighton, Oxford, Cambridge, Bath, Norwich, Plymouth, Cardiff, Swansea, Edinburgh, Glasgow,
Aberdeen, Dundee, Belfast, Cork, Galway, Limerick, Derby, Hull, Coventry, Antwerp, Ghent, Bruges, Rotterdam, The
Hague, Utrecht, Eindhoven, Luxembourg, Monaco, Salzburg, Graz, Krakow, Gdansk, Lodz, Brno, Bratislava, Odessa,
Kharkiv, Lviv, Mariupol, Kherson, Istanbul, Ankara, Izmir, Nicosia, Cairo, Alexandria, Tunis, Tripoli, Benghazi,
Algiers, Casablanca, Rabat, Marrakesh, Lagos, Abuja, Kano, Accra, Dakar, Bamako, Abidjan, Kinshasa, Goma, Kigali,
Kampala, Nairobi, Mombasa, Addis Ababa, Khartoum, Mogadishu, Dar es Salaam, Lusaka, Harare, Johannesburg, Cape Town,
Durban, Pretoria, Maputo, Luanda, Windhoek, Jerusalem, Tel Aviv, Haifa, Gaza, Ramallah, Hebron, Beirut, Damascus,
Aleppo, Homs, Amman, Baghdad, Mosul, Basra, Fallujah, Tehran, Isfahan, Riyadh, Jeddah, Mecca, Doha, Dubai, Abu Dhabi,
Muscat, Kuwait City, Sanaa, Aden, Kabul, Kandahar, Herat, Islamabad, Karachi, Lahore, Peshawar, New Delhi, Delhi,
Mumbai, Kolkata, Chennai, Bangalore, Hyderabad, Pune, Jaipur, Ahmedabad, Lucknow, Srinagar, Dhaka, Chittagong,
Colombo, Kandy, Kathmandu, Beijing, Shanghai, Guangzhou, Shenzhen, Wuhan, Chengdu, Chongqing, Tianjin, Nanjing, Xian,
Harbin, Dalian, Hangzhou, Hong Kong, Macau, Taipei, Lhasa, Urumqi, Tokyo, Osaka, Kyoto, Nagoya, Sapporo, Fukuoka,
Hiroshima, Nagasaki, Yokohama, Kobe, Seoul, Busan, Incheon, Pyongyang, Ulan Bator, Hanoi, Ho Chi Minh City, Da Nang,
Phnom Penh, Vientiane, Bangkok, Chiang Mai, Phuket, Yangon, Mandalay, Kuala Lumpur, Penang, Singapore, Jakarta,
Surabaya, Bandung, Bali, Manila, Cebu, Davao, Sydney, Melbourne, Brisbane, Perth, Adelaide, Canberra, Hobart, Darwin,
Auckland, Wellington, Christchurch, Dunedin, Suva, New York, Los Angeles, Chicago, Houston, Phoenix, Philadelphia, San
Antonio, San Diego, Dallas, San Jose, Austin, Jacksonville, Fort Worth, Columbus, Charlotte, San Francisco,
Indianapolis, Seattle, Denver, Washington, Boston, El Paso, Nashville, Detroit, Oklahoma City, Portland, Las Vegas,
Memphis, Louisville, Baltimore, Milwaukee, Albuquerque, Tucson, Fresno, Sacramento, Kansas City, Atlanta, Omaha,
Miami, Oakland, Minneapolis, Tulsa, Tampa, New Orleans, Cleveland, Honolulu, Anaheim, Cincinnati, St. Louis,
Pittsburgh, Anchorage, Buffalo, Orlando, Newark, Richmond, Baton Rouge, Salt Lake City, Little Rock, Des Moines,
Boise, Spokane, Savannah, Charleston, Brooklyn, Manhattan, Palo Alto, Santa Monica, Toronto, Montreal, Vancouver,
Calgary, Ottawa, Edmonton, Winnipeg, Quebec City, Halifax, Mexico City, Guadalajara, Monterrey, Tijuana, Cancun,
Acapulco, Ciudad Juarez, Havana, Kingston, Port-au-Prince, Santo Domingo, San Juan, Nassau, Panama City, San Salvador,
Tegucigalpa, Managua, Guatemala City, Bogota, Medellin, Cali, Cartagena, Caracas, Maracaibo, Quito, Guayaquil, Lima,
Cusco, La Paz, Santiago, Valparaiso, Buenos Aires, Rosario, Cordoba, Montevideo, Asuncion, Brasilia, Rio de Janeiro,
São Paulo, Salvador, Recife, Manaus, Porto Alegre, Tbilisi, Yerevan, Baku, Grozny, Almaty, Tashkent, Bishkek,
Dushanbe, Davos
"""),
    "town": _phrases("""
Ashford, Millbrook, Kettering, Harlow Green, Redhill, Westerham, Lowestoft, Hexham, Clitheroe, Whitby, Dorking,
Oakham, Cedar Falls, Maple Grove, Twin Rivers, Elkton, Fairview, Greenville, Springfield, Riverside, Bakersfield, Pine
Bluff, Eagle Pass, Mill Valley, Rock Springs, Grand Forks, Cold Lake, Red Deer, Wagga Wagga, Ballarat, Alice Springs,
Rotorua, Saint-Malo, Beauvais, Vierzon, Arras, Göttingen, Marburg, Coburg, Passau, Lucca, Assisi, Matera, Ronda,
Cáceres, Evora, Szeged, Pecs, Plovdiv, Nis, Mostar, Volos, Bodrum, Konya, Gaziantep, Tulkarm, Jenin, Qamishli, Kirkuk,
Shiraz, Jalalabad, Quetta, Agra, Varanasi, Mysore, Amritsar, Sylhet, Galle, Pokhara, Guilin, Sanya, Nara, Sendai,
Gwangju, Hue, Battambang, Ipoh, Solo, Iloilo, Kisumu, Gulu, Arusha, Bulawayo, Kumasi, Jos, Maiduguri, Timbuktu,
Zinder, Oaxaca, Puebla, Cienfuegos
"""),
    "countries": _phrases("""
France, Germany, China, Britain, Russia, Japan, India, Italy, Spain, Israel, Iran, Iraq, Canada, Australia, Brazil,
Mexico, Argentina, Poland, Ukraine, Turkey, Greece, Egypt, Syria, Pakistan, Afghanistan, South Africa, South Korea,
North Korea, Saudi Arabia, Belgium, Switzerland, Sweden, Norway, Denmark, Finland, Ireland, Portugal, Austria,
Hungary, Slovakia, Slovenia, Croatia, Serbia, Bosnia, Montenegro, Kosovo, Albania, Macedonia, Bulgaria, Romania,
Moldova, Belarus, Lithuania, Latvia, Estonia, Iceland, Malta, Cyprus, Georgia, Armenia, Azerbaijan, Kazakhstan,
Uzbekistan, Turkmenistan, Kyrgyzstan, Tajikistan, Mongolia, Nepal, Bhutan, Bangladesh, Sri Lanka, Myanmar, Burma,
Thailand, Laos, Cambodia, Vietnam, Malaysia, Singapore, Indonesia, Brunei, Taiwan, East Timor, Papua New Guinea, New
Zealand, Fiji, Samoa, Tonga, Jordan, Lebanon, Kuwait, Bahrain, Qatar, Oman, Yemen, Libya, Tunisia, Algeria, Morocco,
Sudan, South Sudan, Ethiopia, Eritrea, Somalia, Djibouti, Kenya, Uganda, Tanzania, Rwanda, Burundi, Congo, Zaire,
Angola, Zambia, Zimbabwe, Mozambique, Malawi, Botswana, Namibia, Lesotho, Madagascar, Mauritius, Nigeria, Ghana, Togo,
Benin, Ivory Coast, Liberia, Sierra Leone, Guinea, Senegal, Mali, Niger, Chad, Burkina Faso, Cameroon, Gabon,
Mauritania, Cuba, Jamaica, Haiti, Barbados, Trinidad and Tobago, Guatemala, Honduras, El Salvador, Nicaragua, Costa
Rica, Panama, Colombia, Venezuela, Ecuador, Peru, Bolivia, Chile, Paraguay, Uruguay, Guyana, Suriname, England,
Scotland, Wales, Northern Ireland, Luxembourg, Belize
"""),
    "the_country": _phrases("""
United States, United Kingdom, Netherlands, Philippines, Czech Republic, United Arab Emirates, Central African
Republic, Bahamas, Dominican Republic, Maldives, Solomon Islands, Soviet Union, Vatican City, Gambia
"""),
    "short_country": _words("U.S. U.K. UK US USA UAE"),
    "state": _phrases("""
California, Texas, Florida, Ohio, Michigan, Georgia, Pennsylvania, Illinois, Arizona, Nevada, Oregon, Virginia,
Alabama, Alaska, Arkansas, Colorado, Connecticut, Delaware, Hawaii, Idaho, Indiana, Iowa, Kansas, Kentucky, Louisiana,
Maine, Maryland, Massachusetts, Minnesota, Mississippi, Missouri, Montana, Nebraska, New Hampshire, New Jersey, New
Mexico, North Carolina, North Dakota, Oklahoma, Rhode Island, South Carolina, Tennessee, Utah, Vermont, Wisconsin,
Wyoming, Ontario, Quebec, Alberta, British Columbia, Queensland, Victoria, New South Wales, Bavaria, Saxony, Hesse,
Catalonia, Andalusia, Galicia, Basque Country, Tuscany, Lombardy, Sicily, Sardinia, Normandy, Brittany, Provence,
Flanders, Wallonia, Yorkshire, Cornwall, Kent, Essex, Surrey, Lancashire, Devon, Cumbria, Ulster, Transylvania,
Crimea, Donetsk, Luhansk, Chechnya, Dagestan, Siberia, Anatolia, Kurdistan, Kashmir, Punjab, Gujarat, Kerala, Bihar,
Assam, Sindh, Balochistan, Helmand, Tibet, Xinjiang, Sichuan, Guangdong, Hubei, Hokkaido, Okinawa, Mindanao, Aceh,
Java, Sumatra, Borneo, Darfur, Tigray, Katanga, Biafra, KwaZulu-Natal, Gauteng, Chiapas, Sinaloa, Sonora, Yucatan,
Patagonia, Bahia, Minas Gerais, Anbar, Nineveh, Golan
"""),
    "region": _phrases("""
Europe, Asia, Africa, Latin America, North America, South America, Central America, Southeast Asia, Scandinavia,
Central Asia, Eastern Europe, Western Europe, Antarctica, Silicon Valley, Sub-Saharan Africa
"""),
    "the_region": _phrases("""
Middle East, Balkans, Caucasus, Gulf, Persian Gulf, Sahel, Horn of Africa, West Bank, Gaza Strip, Caribbean,
Mediterranean, Baltic Sea, Black Sea, Red Sea, South China Sea, North Sea, Atlantic, Pacific, Indian Ocean, Arctic,
English Channel, Midwest, West Coast, Bay Area, Sahara
"""),
    "water": _phrases("""
Amazon, Nile, Danube, Rhine, Thames, Seine, Mississippi, Volga, Ganges, Mekong, Yangtze, Euphrates, Tigris, Congo,
Niger, Zambezi, Rio Grande, Hudson, Potomac, Colorado, Jordan, Elbe, Loire, Tiber, Dnieper, Indus, Orinoco, Severn,
Tagus, Vistula
"""),
    "lake": _phrases("""
Lake Victoria, Lake Geneva, Lake Michigan, Lake Tahoe, Lake Como, Lake Chad, Loch Ness, Lake Erie, Lake Baikal, Suez
Canal, Panama Canal, Strait of Hormuz, Gulf of Mexico, Bay of Bengal, Gulf of Aden, Bosporus, Strait of Gibraltar,
Hudson Bay
"""),
    "mountain": _phrases("""
Mount Everest, Alps, Himalayas, Andes, Pyrenees, Rocky Mountains, Mont Blanc, Mount Fuji, Kilimanjaro, Urals,
Carpathians, Mount Etna, Vesuvius, Appalachians, K2, Dolomites, Sierra Nevada, Hindu Kush, Mount Rainier, Matterhorn,
Snowdonia
"""),
    "island": _phrases("""
Crete, Corsica, Majorca, Ibiza, Rhodes, Lesbos, Capri, Madeira, Bermuda, Puerto Rico, Falkland Islands, Greenland,
Isle of Wight, Isle of Man, Guam, Maui, Long Island, Zanzibar, Galapagos Islands, Faroe Islands, Canary Islands,
Jersey, Tahiti, Tasmania, Guernsey, Lampedusa, Diego Garcia, Jeju, Easter Island, Solomon Islands, Maldives,
Seychelles
"""),
    "landmark": _phrases("""
White House, Kremlin, Downing Street, Wall Street, Times Square, Central Park, Tiananmen Square, Red Square, Eiffel
Tower, Buckingham Palace, Trafalgar Square, Hyde Park, Capitol Hill, Brandenburg Gate, Golden Gate Bridge, Statue of
Liberty, Taj Mahal, Great Wall, Broadway, Hollywood, Guantanamo Bay, Ground Zero, Tahrir Square, Heathrow, Gatwick,
Canary Wharf, Westminster Abbey, Notre Dame, Colosseum, Fifth Avenue, Sydney Opera House, Angkor Wat, Machu Picchu,
Chernobyl, Fukushima, Auschwitz
"""),
    "venue": _phrases("""
Wembley, Old Trafford, Anfield, Madison Square Garden, Camp Nou, San Siro, Wimbledon, Stamford Bridge, Yankee Stadium,
Fenway Park, Eden Gardens, Maracana, Roland Garros, Flushing Meadows, Silverstone, Monza, Twickenham, Lord 's,
Headingley, Augusta National, Staples Center, Allianz Arena, Celtic Park, Ibrox, Villa Park, Goodison Park, Hampden
Park, Kensington Oval
"""),
    "street_word": _words("Street Avenue Road Square Lane Boulevard Street Road Hill Park Bridge Station Market"),
    "feature": _words("""
River Valley County Bay Beach Island Forest Falls Harbour Peninsula Province Lake Canyon Desert Airport
"""),
    "street_name": _words("""
Oxford Baker High Station Church Mill Elm Maple Harbour Market King Queen Victoria Lincoln Park Albert Bridge Fleet
Bond Castle Cedar Walnut Regent Princes Union Canal Garden Orchard Washington Franklin Jefferson Madison Chestnut
Spring Grove
"""),
}

_ORGANISATIONS = {
    "companies": _phrases("""
Apple, Google, Microsoft, Amazon, Facebook, Tesla, Toyota, Volkswagen, Samsung, Sony, Siemens, BMW, Boeing, Airbus,
Intel, IBM, Nokia, Ford, General Motors, General Electric, Walmart, Target, Starbucks, McDonald 's, Coca-Cola, Pepsi,
Nike, Adidas, Netflix, Disney, Warner Bros., Twitter, Uber, Airbnb, Spotify, YouTube, Instagram, TikTok, ByteDance,
Alibaba, Tencent, Huawei, Xiaomi, Lenovo, Baidu, Honda, Nissan, Mazda, Mitsubishi, Hitachi, Panasonic, Toshiba, Canon,
Nintendo, SoftBank, Hyundai, Kia, LG, Tata Motors, Infosys, Reliance Industries, Wipro, Air India, BP, Shell, Exxon
Mobil, Chevron, Total, Gazprom, Rosneft, Lukoil, Petrobras, Saudi Aramco, Eni, Equinor, Barclays, HSBC, Lloyds, UBS,
Credit Suisse, Deutsche Bank, Goldman Sachs, JPMorgan Chase, Morgan Stanley, Citigroup, Bank of America, Wells Fargo,
BNP Paribas, Société Générale, Santander, BBVA, UniCredit, ING, Nomura, Lehman Brothers, BlackRock, Berkshire
Hathaway, Visa, Mastercard, PayPal, Pfizer, Moderna, AstraZeneca, Novartis, Roche, Bayer, Merck, GlaxoSmithKline,
Sanofi, Johnson & Johnson, Nestlé, Unilever, Danone, Procter & Gamble, L'Oréal, LVMH, Kering, H&M, Zara, Ikea, Tesco,
Sainsbury 's, Carrefour, Aldi, Lidl, Marks & Spencer, Vodafone, Verizon, AT&T, T-Mobile, Orange, Telefónica, BT,
Ericsson, Lufthansa, British Airways, Ryanair, easyJet, Air France, KLM, Delta Air Lines, United Airlines, American
Airlines, Emirates, Qantas, Renault, Peugeot, Fiat, Ferrari, Volvo, Daimler, Mercedes-Benz, Porsche, Audi, Jaguar Land
Rover, Rolls-Royce, Lockheed Martin, Raytheon, BAE Systems, SpaceX, Oracle, SAP, Cisco, Dell, Hewlett-Packard,
Qualcomm, Nvidia, AMD, OpenAI, Adobe, eBay, Yahoo, Rio Tinto, BHP, Glencore, Vale, ArcelorMittal, Caterpillar, FedEx,
UPS, Deloitte, KPMG, PwC, McKinsey, Maersk, Philips, Heineken, Carlsberg, Diageo, Lego, Enron, Chrysler
"""),
    "coined": _words("""
Zentrix Novalis Quantera Brightwell Solvane Helixor Meridia Corvex Altura Veltrano Datavine Lumenix Kestria Omnitek
Pavelis Tronica Sunfield Northgate Bluepeak Ironbridge Clearwater Silverline Redwood Stonegate Hillcrest Oakmont
Crestview Starling Farvis Nextera Orbitel Paxon Rivendale Synthera Talvix Ultranet Vantage Westbrook Xenora Ytterby
Zephyron Aquilon Biogenix Cytera Dynacorp Evergreen Fortuna Greenleaf Horizon Inova Juno Kronos Luxora Maxtel Nimbus
Optima Pinnacle Questar Rapidus Sentinel Terranova Unitel Vertex Windmere Apexon Borealis Cascade Delphi Equitas
Finmark Globex Hartwell Interpax Keystone Lakeland Monarch Nordica Oceanic Pacifica Quorum Regency Summit Triton Umbra
Valiant Wavecrest Zenith Cobalt Falcon Amberly
"""),
    "sector": _words("""
Motors Airlines Energy Foods Industries Technologies Systems Pharmaceuticals Electronics Media Capital Partners Steel
Insurance Telecom Software Mining Oil Chemicals Airways Stores Brewing Shipping Robotics Labs Solutions Networks
Resources Securities Investments Logistics Petroleum Textiles Entertainment Semiconductors Biotech Records Studios
Publishing Hotels
"""),
    "suffix": _phrases("""
Inc., Corp., Group, Ltd., Holdings, Bank, & Sons, & Co., plc, AG, SA, Inc, Brothers, International, NV, GmbH, Co.,
Corporation, Company, Trust, Associates, LLC, SpA, AB
"""),
    "agencies": _phrases("""
United Nations, European Union, World Health Organization, EU, UN, WHO, FBI, ECB, CIA, IMF, World Bank, European
Commission, European Central Bank, European Parliament, Federal Reserve, Red Cross, International Monetary Fund, U.N.,
African Union, Arab League, World Trade Organization, WTO, OECD, G7, G20, Security Council, Bank of England, Bank of
Japan, Bundesbank, Senate, House of Representatives, Supreme Court, Pentagon, State Department, Justice Department,
Treasury, Home Office, Foreign Office, House of Commons, House of Lords, Bundestag, Knesset, Duma, Lok Sabha,
Metropolitan Police, KGB, FSB, Taliban, IRA, ETA, PKK, FARC, PLO, ANC, Muslim Brotherhood, Tamil Tigers, Khmer Rouge,
Ku Klux Klan, IOC, NBA, NFL, NHL, FDA, CDC, EPA, SEC, FAA, NSA, FCC, NHS, RAF, Royal Navy, Coast Guard, National
Guard, European Space Agency, World Food Programme, IAEA, Treasury Department, Department of Defense, Vatican,
Constitutional Court, International Criminal Court, Court of Appeal, General Assembly, Environment Agency, Met Office,
National Weather Service, U.S. Geological Survey, Border Patrol, Secret Service, Federal Aviation Administration, Food
and Drug Administration, Securities and Exchange Commission, British Army, Salvation Army, Church of England, Bank of
Canada
"""),
    "bare_agency": _phrases("""
NATO, Interpol, UNICEF, UNESCO, OPEC, ASEAN, Congress, Scotland Yard, MI5, MI6, Mossad, Europol, Amnesty
International, Human Rights Watch, Greenpeace, Oxfam, Médecins Sans Frontières, Save the Children, Hamas, Hezbollah,
Fatah, al Qaeda, Islamic State, Boko Haram, FIFA, UEFA, NASA, UNHCR, Eurostat
"""),
    "parties": _phrases("""
Labour Party, Conservative Party, Republican Party, Democratic Party, Green Party, Liberal Democrats, Labour, Likud,
Christian Democratic Union, Social Democratic Party, Communist Party, Congress Party, Bharatiya Janata Party, BJP,
African National Congress, National Front, Socialist Party, Popular Party, Scottish National Party, SNP, CDU, SPD,
Sinn Fein, Plaid Cymru, UKIP, Freedom Party, Justice and Development Party, People 's Party, Five Star Movement,
National Rally, Fidesz, Syriza, Podemos, Law and Justice, Fianna Fail, Fine Gael, Workers ' Party, Liberal Party, New
Democratic Party, Kuomintang, Golkar, Awami League, ZANU-PF, Movement for Democratic Change, Democratic Unionist
Party, Solidarity, United Russia, Pakistan Muslim League
"""),
    "presses": _phrases("""
Reuters, Associated Press, BBC, CNN, New York Times, Washington Post, Guardian, Financial Times, Wall Street Journal,
Times, Le Monde, Der Spiegel, Bild, El País, La Repubblica, Al Jazeera, Fox News, NBC, ABC, CBS, Sky News, Bloomberg,
Xinhua, Interfax, Tass, Agence France-Presse, AFP, Daily Mail, Sun, Daily Telegraph, Independent, Economist, Time,
Newsweek, USA Today, Los Angeles Times, Chicago Tribune, Boston Globe, Haaretz, Jerusalem Post, Al-Ahram, Times of
India, Asahi Shimbun, Nikkei, NHK, Kyodo, Yonhap, South China Morning Post, Sydney Morning Herald, Globe and Mail,
Irish Times, Vogue, Rolling Stone, Izvestia, Kommersant, ITV, Channel 4, MTV, HBO, ESPN, L'Equipe, Gazzetta dello
Sport, Le Figaro, Die Welt, Die Zeit, Politico, NPR
"""),
    "press_word": _words("""
Times Post Herald Gazette Tribune Chronicle News Mail Journal Star Daily Observer Mirror Courier Echo
"""),
    "clubs": _phrases("""
Manchester United, Manchester City, Real Madrid, Bayern Munich, Juventus, Arsenal, Chelsea, Liverpool, Tottenham,
Everton, Paris Saint-Germain, Ajax, Inter Milan, AC Milan, Borussia Dortmund, Atletico Madrid, FC Barcelona, Benfica,
Porto, Celtic, Rangers, Aston Villa, West Ham, Newcastle United, Leeds United, Leicester City, Wolves, Crystal Palace,
Fulham, Galatasaray, Fenerbahce, Olympiakos, Spartak Moscow, Dynamo Kiev, Red Star Belgrade, Lazio, Roma, Napoli,
Fiorentina, Sampdoria, Parma, Valencia, Sevilla, Villarreal, Lyon, Marseille, PSV Eindhoven, Feyenoord, Anderlecht,
Boca Juniors, River Plate, Flamengo, Santos, Corinthians, Al Ahly, Werder Bremen, Bayer Leverkusen, Schalke,
Sunderland, Blackburn Rovers, Nottingham Forest, Sheffield Wednesday, Los Angeles Lakers, Chicago Bulls, Boston
Celtics, New York Knicks, Golden State Warriors, Miami Heat, New York Yankees, Boston Red Sox, Los Angeles Dodgers,
Chicago Cubs, Atlanta Braves, Dallas Cowboys, Green Bay Packers, New England Patriots, San Francisco 49ers, Pittsburgh
Steelers, Toronto Maple Leafs, Montreal Canadiens, Detroit Red Wings, New York Rangers, Lakers, Yankees, Red Sox,
Cowboys, Patriots, Celtics, Knicks, Packers, Dodgers, Warriors, Bulls, Leeds Rhinos, Wigan Warriors, Leinster,
Munster, Mumbai Indians, Chennai Super Kings, All Blacks, Wallabies, Springboks, Essex, Surrey, Yorkshire, McLaren,
Red Bull, Toronto Blue Jays, Seattle Seahawks, Utah Jazz, Phoenix Suns, Orlando Magic, Brisbane Broncos
"""),
    "club_word": _words("""
United City Rovers Athletic Wanderers Town Dynamo Rangers Wildcats Tigers Hawks Lions Eagles Bulls Storm
"""),
    "band": _phrases("""
Beatles, Rolling Stones, Coldplay, U2, Radiohead, Queen, Nirvana, Metallica, Pink Floyd, Led Zeppelin, Oasis, Abba,
Pearl Jam, Black Sabbath, Spice Girls, One Direction, Arctic Monkeys, BTS, Blur, Fleetwood Mac, Beach Boys, Kraftwerk,
Gorillaz, Muse
"""),
    "schools": _phrases("""
Harvard, Oxford University, Cambridge University, Stanford University, Yale, MIT, Princeton, London School of
Economics, Sorbonne, Columbia University, Johns Hopkins University, UCLA, Imperial College London, Tsinghua
University, Juilliard, Caltech, Eton College, King 's College, Trinity College, Duke University, Max Planck Institute,
Royal Society, Academy of Sciences, Brookings Institution, Smithsonian Institution, Royal Shakespeare Company, Bolshoi
Theatre, Louvre, British Museum, Tate Modern, Metropolitan Museum of Art, Royal Opera House, National Gallery, Berlin
Philharmonic, La Scala, Mayo Clinic
"""),
    "ministry": _phrases("""
Foreign Ministry, Ministry of Defence, Ministry of Health, Finance Ministry, Interior Ministry, Ministry of Education,
Ministry of Justice, Defence Ministry, Ministry of Finance, Health Ministry, Department of Health, Department of
Transport, Ministry of Agriculture, Department of Energy, Labour Ministry, Trade Ministry, Ministry of Foreign
Affairs, Ministry of Culture
"""),
    "body_head": _phrases("""
National, Royal, International, European, African, Asian, American, British, Global, Federal, Central, World,
Canadian, Indian, Australian, Northern, Pacific, Scottish
"""),
    "body_core": _phrases("""
Farmers, Teachers, Nurses, Banking, Football, Cricket, Tennis, Railway, Press, Medical, Consumer, Space, Research,
Wildlife, Energy, Transport, Refugee, Labour, Statistics, Cycling, Athletics, Olympic, Human Rights, Film, Chess,
Aviation, Pilots, Lawyers
"""),
    "body_tail": _words("""
Association Union Federation Agency Council Institute Foundation Commission Society Authority Committee Board League
Centre Alliance Office Bureau Fund Trust Service
"""),
}

_MISCELLANY = {
    "nat": _words("""
German French British Chinese Russian Japanese Indian Italian Spanish Israeli Iranian Iraqi Canadian Australian
Brazilian Mexican Argentine Polish Ukrainian Turkish Greek Egyptian Syrian Pakistani Afghan American Palestinian Dutch
Belgian Swiss Swedish Norwegian Danish Finnish Irish Portuguese Austrian Hungarian Czech Slovak Slovenian Croatian
Serbian Bosnian Albanian Macedonian Bulgarian Romanian Moldovan Belarusian Lithuanian Latvian Estonian Icelandic
Maltese Cypriot Georgian Armenian Azerbaijani Kazakh Uzbek Mongolian Nepalese Bangladeshi Sri-Lankan Burmese Thai
Cambodian Vietnamese Malaysian Singaporean Indonesian Filipino Taiwanese Fijian Jordanian Lebanese Kuwaiti Qatari
Omani Yemeni Saudi Libyan Tunisian Algerian Moroccan Sudanese Ethiopian Eritrean Somali Kenyan Ugandan Tanzanian
Rwandan Congolese Angolan Zambian Zimbabwean Namibian Nigerian Ghanaian Ivorian Liberian Senegalese Malian Cameroonian
Cuban Jamaican Haitian Dominican Guatemalan Honduran Salvadoran Nicaraguan Panamanian Colombian Venezuelan Ecuadorian
Peruvian Bolivian Chilean Paraguayan Uruguayan English Scottish Welsh European Asian African Arab Kurdish Chechen
Tibetan Catalan Basque Soviet Californian Texan Western Latin Scandinavian Parisian Bavarian Sicilian Hawaiian
Kashmiri Bengali Tamil Flemish Roma Caribbean
"""),
    "nat_two": _phrases("""
South African, South Korean, North Korean, New Zealand, Sri Lankan, Saudi Arabian, Latin American, West African
"""),
    "nat_plural": _words("""
Germans Americans Russians Israelis Palestinians Indians Italians Australians Canadians Brazilians Mexicans Ukrainians
Turks Greeks Syrians Iraqis Iranians Egyptians Pakistanis Afghans Serbs Croats Kurds Arabs Europeans Africans Poles
Swedes Danes Hungarians Romanians Nigerians Kenyans Cubans Colombians Venezuelans Haitians Scots Belgians Norwegians
Austrians Jews Muslims Christians Catholics Protestants Hindus Sikhs Buddhists Sunnis Shiites Democrats Republicans
Tories Londoners Chechens Albanians Koreans Filipinos Moroccans Texans Rohingya Uighurs Conservatives Socialists
Liberals Communists
"""),
    "creed": _words("""
Muslim Christian Catholic Jewish Hindu Buddhist Sikh Orthodox Protestant Islamic Sunni Shiite Anglican Republican
Democratic Conservative Marxist Islamist Baptist Mormon Democrat Tory Communist Methodist Zionist Maoist Gaullist Nazi
"""),
    "religion": _words("""
Islam Christianity Judaism Hinduism Buddhism Catholicism Sikhism Marxism Zionism Christmas Easter Ramadan Brexit
"""),
    "language": _words("""
English French Spanish Arabic Mandarin German Russian Japanese Portuguese Hindi Urdu Bengali Swahili Turkish Persian
Hebrew Latin Greek Cantonese Korean Italian Dutch Polish Welsh Gaelic Catalan Tamil Punjabi Yiddish Esperanto
Ukrainian Finnish
"""),
    "events": _phrases("""
World Cup, Olympic Games, Olympics, Winter Olympics, Champions League, Premier League, Super Bowl, Wimbledon, French
Open, U.S. Open, Australian Open, Davis Cup, Ryder Cup, Tour de France, Europa League, FA Cup, European Championship,
Copa America, Asian Games, Commonwealth Games, World Series, Six Nations, Ashes, Grand National, Masters, Bundesliga,
La Liga, Serie A, Euro 2024, Africa Cup of Nations, Stanley Cup, Kentucky Derby, Monaco Grand Prix, British Grand
Prix, Paralympics, Asian Cup, Gold Cup, Giro d'Italia, World Athletics Championships, Cannes Film Festival, Edinburgh
Festival, Berlin Film Festival, Eurovision Song Contest, Venice Biennale, Glastonbury, World War II, World War I, Cold
War, Gulf War, Vietnam War, Holocaust, French Revolution, Arab Spring, Great Depression, Battle of Waterloo, Korean
War, Spanish Civil War, Industrial Revolution, D-Day, Watergate, Prague Spring, Six Day War, Renaissance, Boston
Marathon, London Marathon, Paris Air Show, Geneva Motor Show, World Economic Forum, Oktoberfest, Fed Cup, Rugby World
Cup, Pan American Games, Hurricane Katrina, Gay Pride, Black Friday
"""),
    "award": _phrases("""
Nobel Prize, Nobel Peace Prize, Oscar, Academy Award, Booker Prize, Pulitzer Prize, Grammy, Golden Globe, Ballon d'Or,
Emmy, Turner Prize, Palme d'Or, Golden Lion, Fields Medal, Tony Award, Man Booker Prize, Purple Heart, Golden Bear,
Brit Award, Bafta, Prix Goncourt, Pritzker Prize, Victoria Cross, Order of Merit, Turing Award, Golden Boot, Cy Young
Award, Heisman Trophy
"""),
    "products": _phrases("""
iPhone, iPad, Android, Windows, Boeing 737, Airbus A380, Boeing 747, PlayStation, Xbox, Galaxy S10, Model 3,
Kalashnikov, F-16, Macintosh, Windows 10, Gmail, Google Maps, Kindle, Viagra, Big Mac, Concorde, Internet, Bitcoin,
Apollo 11, Voyager 1, Linux, Range Rover, Beetle, Corolla, Prius, Golf, Barbie, Walkman, ChatGPT, Alexa, Siri, MiG-29,
Black Hawk, Scud, Patriot, Tomahawk, Titanic, Hubble, Soyuz, Pokémon, Mustang, Nexus 7, Cessna 172, Java, Photoshop,
Excel, Fortnite, Minecraft, A320, Sputnik
"""),
    "law": _phrases("""
Clean Air Act, Patriot Act, Human Rights Act, Kyoto Protocol, Geneva Convention, Paris Agreement, Maastricht Treaty,
Good Friday Agreement, Oslo Accords, Dayton Agreement, Magna Carta, Affordable Care Act, Civil Rights Act, Lisbon
Treaty, Treaty of Versailles, Green New Deal, Endangered Species Act, Fifth Amendment, Constitution, Bible, Koran,
Torah, Belt and Road Initiative
"""),
    "index": _phrases("""
Dow Jones, Nasdaq, FTSE 100, Nikkei, DAX, S&P 500, Hang Seng, CAC 40, Brent, Dow, FTSE, Nikkei 225, Euro Stoxx 50,
Sensex
"""),
    "works": _phrases("""
Harry Potter, Star Wars, Hamlet, Macbeth, Swan Lake, Game of Thrones, The Godfather, Mona Lisa, Les Misérables, The
Simpsons, War and Peace, Don Quixote, La Traviata, Don Giovanni, Titanic, Avatar, The Crown, Doctor Who, Casablanca,
Guernica, Breaking Bad, The Nutcracker, Toy Story, James Bond, Sesame Street, Frankenstein, Ulysses, Romeo and Juliet,
Carmen, The Lion King
"""),
    "title_adj": _words("""
Silent Last Golden Broken Invisible Lost Crimson Endless Secret Burning Blue Empty Distant Wild Hollow Dark
"""),
    "title_noun": _words("""
River Garden City House Summer Kingdom Road Light Children Winter Letter Sea Mountain Dream Bridge Night
"""),
}

_PLAIN = {
    "role": _phrases("""
president, prime minister, foreign minister, finance minister, spokesman, spokeswoman, chief executive, chairman,
chairwoman, director, lawyer, judge, doctor, professor, scientist, teacher, engineer, analyst, economist, general,
ambassador, mayor, governor, senator, defender, striker, goalkeeper, captain, coach, manager, singer, actor, actress,
writer, novelist, painter, architect, journalist, farmer, nurse, student, trader, banker, police officer, detective,
activist, priest, bishop, historian, researcher, biologist, driver, pilot, sprinter, swimmer, boxer, midfielder,
rider, chef, designer, photographer, composer, film director, opposition leader, defence secretary, rebel leader,
union leader, central banker, envoy, diplomat, businessman, founder, poet, soldier, former president, deputy mayor,
chief economist, head coach, vice president, guitarist, physicist
"""),
    "title": _phrases("""
President, Prime Minister, Mr., Mrs., Ms., Dr., Chancellor, Secretary of State, Foreign Minister, Senator, Governor,
Judge, Professor, General, Sir, King, Queen, Prince, Princess, Pope, Mayor, Lord, Captain, Colonel, Defence Secretary,
Finance Minister, Justice, Detective, Sergeant, Attorney General, Home Secretary, Vice President, Bishop, Archbishop,
Representative, Coach, Chief Inspector, Ambassador, Sheikh, Lieutenant, Commissioner, Rev., Congressman
"""),
    "people": _phrases("""
officials, police, residents, students, doctors, nurses, teachers, investors, analysts, farmers, workers, protesters,
soldiers, troops, voters, lawmakers, scientists, researchers, economists, diplomats, firefighters, families, parents,
children, drivers, passengers, tourists, traders, regulators, prosecutors, lawyers, witnesses, survivors, refugees,
migrants, rebels, gunmen, activists, journalists, engineers, pilots, fans, players, critics, customers, shoppers,
employers, shareholders, neighbours, volunteers, miners, fishermen, experts, campaigners, ministers, aid workers,
rescue teams, health workers, security forces, local authorities, union leaders, emergency crews, opposition leaders,
commuters, pensioners, detectives, historians
"""),
    "noun": _phrases("""
plan, report, decision, proposal, crisis, campaign, budget, election, strike, debate, agreement, project, programme,
policy, law, hospital, school, factory, road, bridge, church, building, house, park, market, company, bank, team,
army, government, court, economy, industry, airport, station, river, storm, fire, flood, earthquake, drought, virus,
vaccine, drug, disease, study, survey, book, film, song, album, painting, exhibition, match, season, tournament, race,
goal, record, contract, investigation, trial, sentence, prison, attack, bomb, gun, weapon, car, train, plane, ship,
bus, phone, computer, website, network, camera, satellite, rocket, planet, forest, animal, dog, horse, tree, garden,
kitchen, meal, wine, recipe, family, child, marriage, funeral, holiday, weekend, weather, summer, problem, question,
answer, letter, speech, meeting, conference, summit, deal, tax, price, wage, pension, loan, debt, profit, loss, share,
job, office, border, village, town, island, harbour
"""),
    "mass": _phrases("""
oil, gas, wheat, rice, coffee, steel, copper, gold, inflation, unemployment, growth, trade, tourism, investment,
education, health care, climate change, immigration, security, human rights, nuclear power, public transport, housing,
corruption, terrorism, poverty, technology, agriculture, renewable energy, free speech, tax reform, foreign policy,
drug trafficking, food prices, interest rates, electricity, drinking water, artificial intelligence, air pollution,
child labour, gun control
"""),
    "adj": _phrases("""
new, old, big, small, recent, local, national, public, private, early, late, major, serious, difficult, strong, weak,
popular, expensive, cheap, long, short, controversial, historic, secret, joint, annual, final, main, central,
northern, southern, eastern, western, economic, political, military, financial, medical, legal, social, unexpected,
huge, quiet, crowded, abandoned, busy, proposed, planned, disputed, long-awaited, costly, modest, rare, modern,
ancient, temporary, permanent, troubled, ambitious
"""),
    "adverb": _words("""
quickly slowly finally recently again quietly publicly sharply unexpectedly narrowly reportedly officially briefly
repeatedly eventually immediately suddenly carefully largely already soon later together easily
"""),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _words("""
January February March April May June July August September October November December Jan. Feb. Aug. Oct.
"""),
    "ordinal": _words("first second third fourth fifth sixth 10th 18th 20th 21st 30th last next"),
    "crimes": _phrases("""
murder, fraud, corruption, arson, theft, tax evasion, manslaughter, bribery, espionage, money laundering, kidnapping,
robbery, insider trading, drug smuggling, war crimes, perjury, assault, conspiracy, dangerous driving, treason
"""),
    "goods": _phrases("""
cars, computers, medicines, aircraft, chips, batteries, clothes, machinery, toys, phones, beer, cheese, weapons,
tractors, shoes, furniture, software, trains, engines, wind turbines, solar panels, fertiliser, bananas, vaccines,
turbines, crude oil
"""),
    "sports": _words("""
football tennis rugby cricket basketball boxing cycling swimming hockey golf athletics baseball chess judo
"""),
    "food": _phrases("""
bread, butter, cheese, onions, garlic, tomatoes, potatoes, carrots, cabbage, spinach, mushrooms, lemons, apples,
pears, cherries, strawberries, honey, sugar, salt, pepper, ginger, cinnamon, basil, olive oil, vinegar, pasta,
noodles, beans, chickpeas, almonds, walnuts, chicken, beef, pork, lamb, ham, sausages, eggs, milk, cream, yoghurt,
chocolate, cake, biscuits, soup, salad, pancakes, tea, juice, cider, prawns, mussels, crab, tuna, cod, trout, rice
pudding, marmalade, pickles
"""),
    "object": _phrases("""
umbrella, ladder, bicycle, suitcase, lamp, mirror, carpet, curtain, sofa, chair, table, cupboard, hammer, bucket,
spade, rope, candle, blanket, pillow, coat, jacket, scarf, hat, glove, boot, dress, shirt, necklace, ring, watch,
wallet, key, ticket, passport, map, notebook, pencil, newspaper, magazine, violin, piano, drum, guitar, kettle,
saucepan, oven, fridge, washing machine, radio, television, laptop, battery, charger, clock, statue, fence, gate,
tunnel, roof, chimney, staircase, lift, tractor, van, tram, ferry, helicopter, balloon, parachute, tent, kite, ball,
racket, helmet, trophy, medal, flag, microscope
"""),
    "living": _phrases("""
cat, rabbit, mouse, squirrel, fox, deer, sheep, goat, cow, pig, donkey, parrot, owl, swan, duck, spider, butterfly,
ant, snake, lizard, shark, dolphin, oak, pine, willow, rose, tulip, daisy, nettle, moss, fern, baby, twin,
grandmother, uncle, aunt, cousin, nephew, bride, orphan, widow, stranger, guest, tenant, landlord, plumber, carpenter,
butcher, baker, waiter, cleaner, gardener, electrician, postman, librarian, dentist, surgeon, midwife, vet, referee,
tailor, hairdresser, clerk, cashier, lodger
"""),
    "does": _phrases("""
slept, waited, laughed, cried, smiled, disagreed, apologised, shrugged, agreed, fell ill, left early, arrived late,
failed, struggled, recovered, survived, disappeared, complained, listened, moved on, hesitated, celebrated, paused,
returned, stayed, did well, gave up, went home, made a mistake, turned back, kept quiet, ran out of money, grew up,
lost touch, worked hard
"""),
    "relates": _phrases("""
talked to, argued with, depends on, belongs to, ran away from, heard about, looked at, thought of, asked for, dealt
with, complained about, arrived from, listened to, worried about, dreamed of, apologised to, walked past, stood by,
turned to, came from, is close to, agreed with, is proud of, lied about, paid for, cared about, quarrelled with,
waited for, knows
"""),
    "species": _phrases("""
whales, elephants, tigers, wolves, bees, salmon, coral, penguins, gorillas, polar bears, eagles, frogs, mosquitoes,
turtles
"""),
}

_NUMBERS = {
    "small": (*(str(n) for n in range(2, 32)), *_words("two three four five six seven eight nine ten dozens hundreds")),
    "age": tuple(str(n) for n in range(17, 95)),
    "date": tuple(str(n) for n in range(1, 32)),
    "year": tuple(str(n) for n in range(1897, 2027)),
    "big": (*(f"{n},{(n * 7919) % 1000:03d}" for n in range(1, 400, 7)), *(str(n) for n in range(110, 990, 37))),
    "decimal": tuple(f"{n // 10}.{n % 10}" for n in range(1, 160)),
    "score": tuple(f"{a}-{b}" for a in range(7) for b in range(5)),
    "goals": tuple(str(n) for n in range(8)),
    "points": tuple(str(n) for n in range(61, 132)),
    "set": _phrases("6-4, 6-3, 7-5, 7-6, 6-2, 6-1, 6-0, 7-6 ( 7-4 ), 3-6, 4-6, 7-6 ( 8-6 )"),
    "dollars": tuple(f"${n}" for n in (1, 2, 3, 5, 8, 12, 15, 20, 30, 45, 50, 75, 90, 100, 120, 250, 300, 400, 750)),
    "clock": _phrases("9 a.m., 11:30 p.m., 6 p.m., 0800 GMT, midnight, noon, 10:15, 7.30 pm, 1430 GMT, dawn, dusk"),
    "time": tuple(f"{m}:{s:02d}.{(m * s) % 100:02d}" for m in range(1, 9) for s in range(3, 60, 11)),
}

WORDS: dict[str, tuple[str, ...]] = {**_PEOPLE, **_PLACES, **_ORGANISATIONS, **_MISCELLANY, **_PLAIN, **_NUMBERS}
